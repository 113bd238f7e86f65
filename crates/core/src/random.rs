/// What a draw is for. Each purpose has its own stream, so that none disturbs another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Purpose {
    /// First values of a layer's parameters; the index is the layer.
    Initialize = 0,
    /// Order of the rows; the index is the epoch.
    Shuffle = 1,
    /// Cutting a data set in parts; the index is the class.
    Split = 2,
    /// Making data up; the index is the class.
    Generate = 3,
    /// Directions and points of a gradient check.
    Check = 4,
    /// Which numbers a dropout layer lets through; the index is the layer.
    Dropout = 5,
}

/// A counter-based generator: draw number i is a pure function of seed, purpose, index and i.
///
/// There is no state to save or to share, so a resumed run draws what an uninterrupted one would have. The function is
/// Philox4x32-10 (J. K. Salmon et al., "Parallel random numbers: as easy as 1, 2, 3", SC 2011).
///
/// ```
/// use chainrule_core::{Purpose, Random};
/// let random = Random::new(7, Purpose::Shuffle, 3);
/// assert_eq!(random.uniform(12), random.uniform(12));
/// assert_ne!(random.uniform(12), Random::new(7, Purpose::Shuffle, 4).uniform(12));
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Random {
    key: [u32; 2],
    index: u32,
    purpose: u32,
}

impl Random {
    /// The stream of a seed, a purpose and an index (an epoch, a layer, a class; its low 32 bits count).
    pub fn new(seed: u64, purpose: Purpose, index: usize) -> Self {
        Random { key: [seed as u32, (seed >> 32) as u32], index: index as u32, purpose: purpose as u32 }
    }

    /// Four independent runs of 32 random bits: block number `i` of the stream.
    #[inline(always)]
    pub fn words(&self, i: u64) -> [u32; 4] {
        self.words_of_blocks::<1>(i).map(|[word]| word)
    }

    /// [`Random::words`] of N blocks that follow one another, side by side: word `w` of block `first + i` is `[w][i]`. In a function that a compiler
    /// vectorises, many cost little more than one. The last of them must be a u64.
    #[inline(always)]
    pub fn words_of_blocks<const N: usize>(&self, first: u64) -> [[u32; N]; 4] {
        let blocks: [u64; N] = std::array::from_fn(|i| first + i as u64);
        let low = blocks.map(|block| block & WORD);
        let high = blocks.map(|block| block >> 32);
        let words = philox([low, high, [self.index.into(); N], [self.purpose.into(); N]], self.key);
        words.map(|lanes| lanes.map(|word| word as u32))
    }

    /// A stream of its own for each `i`, of the same purpose and index: block number `i` is its seed.
    pub fn nested(&self, i: u64) -> Self {
        let [low, high, ..] = self.words(i);
        Random { key: [low, high], ..*self }
    }

    /// Two independent runs of 64 random bits: block number `i` of the stream.
    fn block(&self, i: u64) -> [u64; 2] {
        let [a, b, c, d] = self.words(i);
        [u64::from(a) | u64::from(b) << 32, u64::from(c) | u64::from(d) << 32]
    }

    /// Draw number `i`, uniform over \[0, 1), with 53 random bits.
    pub fn uniform(&self, i: u64) -> f64 {
        unit(self.block(i)[0])
    }

    /// Draw number `i` of the standard normal distribution (Box and Muller's transform).
    pub fn normal(&self, i: u64) -> f64 {
        let [a, b] = self.block(i).map(unit);
        // 1 - a lies in (0, 1], where the logarithm is finite.
        (-2.0 * (1.0 - a).ln()).sqrt() * (std::f64::consts::TAU * b).cos()
    }

    /// Puts `items` in a random order (Fisher and Yates' shuffle).
    pub fn shuffle<T>(&self, items: &mut [T]) {
        for last in (1..items.len()).rev() {
            // Multiply and shift: uniform over 0..=last up to 2⁻⁶⁴ · last.
            let bits = self.block(last as u64)[0];
            let pick = (u128::from(bits) * (last as u128 + 1)) >> 64;
            items.swap(last, pick as usize);
        }
    }
}

fn unit(bits: u64) -> f64 {
    (bits >> 11) as f64 * (1.0 / (1_u64 << 53) as f64)
}

const WORD: u64 = u32::MAX as u64;

/// N counters at once; each word is the low half of its 64 bits, so that no product needs another register than its factors.
#[inline(always)]
fn philox<const N: usize>(mut counter: [[u64; N]; 4], mut key: [u32; 2]) -> [[u64; N]; 4] {
    const MULTIPLIERS: [u64; 2] = [0xD251_1F53, 0xCD9E_8D57];
    const WEYL: [u32; 2] = [0x9E37_79B9, 0xBB67_AE85];
    for _ in 0..10 {
        let [a, b, c, d] = &mut counter;
        for i in 0..N {
            let (ac, bd) = (MULTIPLIERS[0] * a[i], MULTIPLIERS[1] * c[i]);
            (a[i], b[i], c[i], d[i]) = (
                (bd >> 32) ^ b[i] ^ u64::from(key[0]),
                bd & WORD,
                (ac >> 32) ^ d[i] ^ u64::from(key[1]),
                ac & WORD,
            );
        }
        key = [key[0].wrapping_add(WEYL[0]), key[1].wrapping_add(WEYL[1])];
    }
    counter
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Known answers of Philox4x32-10 from the authors' Random123 library (`kat_vectors`).
    #[test]
    fn philox_gives_the_published_answers() {
        let answer = |counter: [u64; 4], key| philox(counter.map(|word| [word]), key).map(|[word]| word);
        assert_eq!(answer([0; 4], [0; 2]), [0x6627_e8d5, 0xe169_c58d, 0xbc57_ac4c, 0x9b00_dbd8]);
        assert_eq!(answer([WORD; 4], [u32::MAX; 2]), [0x408f_276d, 0x41c8_3b0e, 0xa20b_c7c6, 0x6d54_51fd]);
        assert_eq!(
            answer([0x243f_6a88, 0x85a3_08d3, 0x1319_8a2e, 0x0370_7344], [0xa409_3822, 0x299f_31d0]),
            [0xd16c_fe09, 0x94fd_cceb, 0x5001_e420, 0x2412_6ea1]
        );
    }

    #[test]
    fn blocks_side_by_side_are_those_one_by_one() {
        let random = Random::new(5, Purpose::Dropout, 2);
        // Across the end of the counter's first word.
        let first = WORD - 2;
        let words = random.words_of_blocks::<8>(first);
        for i in 0..8 {
            assert_eq!(words.map(|lanes| lanes[i]), random.words(first + i as u64));
        }
        assert_ne!(random.words(first), random.words(first + WORD + 1));
    }

    #[test]
    fn draws_have_the_moments_of_their_distribution() {
        let random = Random::new(1, Purpose::Check, 0);
        let n = 100_000_u64;
        let mean = |draw: &dyn Fn(u64) -> f64| (0..n).map(draw).sum::<f64>() / n as f64;
        // Five standard errors of each mean.
        assert!((mean(&|i| random.uniform(i)) - 0.5).abs() < 5.0 * 0.289 / 316.0);
        assert!(mean(&|i| random.normal(i)).abs() < 5.0 / 316.0);
        assert!((mean(&|i| random.normal(i).powi(2)) - 1.0).abs() < 5.0 * 1.42 / 316.0);
        assert!((mean(&|i| random.normal(i).powi(4)) - 3.0).abs() < 5.0 * 9.8 / 316.0);
    }

    #[test]
    fn a_shuffle_is_a_uniform_permutation() {
        let mut seen = [[0_u32; 5]; 5];
        for epoch in 0..5000 {
            let mut items = [0, 1, 2, 3, 4];
            Random::new(3, Purpose::Shuffle, epoch).shuffle(&mut items);
            items.iter().enumerate().for_each(|(place, &item)| seen[place][item] += 1);
        }
        // Each of the 25 counts is binomial with mean 1000 and deviation 28.
        assert!(seen.iter().flatten().all(|&n| (850..1150).contains(&n)), "{seen:?}");
        assert!(seen.iter().all(|row| row.iter().sum::<u32>() == 5000));
    }
}
