use crate::lanes::{Kernel, Lanes, side_by_side};
use crate::rows::{row, row_mut};
use chainrule_core::Real;
use ndarray::{ArrayView2, ArrayViewMut2};

/// [`softmax_backward_jacobian`](crate::softmax_backward_jacobian) of some samples.
pub(crate) struct ByRows<'a, F> {
    pub(crate) s: ArrayView2<'a, F>,
    pub(crate) dy: ArrayView2<'a, F>,
    pub(crate) dx: ArrayViewMut2<'a, F>,
    /// Four times `padded` numbers.
    pub(crate) scratch: &'a mut [F],
    /// How many classes there are, up to whole registers.
    pub(crate) padded: usize,
}

/// Up to so many classes all entries are formed, not those above the diagonal alone: that would take longer.
const FEW: usize = 200;

/// Rows of the Jacobian that are formed side by side, for each needs the same s and dy, and waits for its own sum.
const ROWS: usize = 8;

/// Registers of one row that are summed before the sum is added to others, so that no sum is long.
const PART: usize = 64;

/// Rows whose entries of one column are summed before the sum is added to others.
const COLUMN_PART: usize = 128;

impl<F: Real> Kernel<F> for ByRows<'_, F> {
    #[inline(always)]
    fn run<L: Lanes<F>>(mut self) {
        let classes = self.s.ncols();
        let (s, rest) = self.scratch.split_at_mut(self.padded);
        let (dy, rest) = rest.split_at_mut(self.padded);
        let (part, total) = rest.split_at_mut(self.padded);
        for sample in 0..self.s.nrows() {
            let (s_row, dy_row) = (row(&self.s, sample), row(&self.dy, sample));
            let dx_row = row_mut(&mut self.dx, sample);
            if classes <= FEW {
                all_columns::<F, L>(s_row, dy_row, dx_row);
                continue;
            }
            for start in (0..self.padded).step_by(L::WIDTH) {
                let (here, of_row) =
                    (start..start + L::WIDTH, classes.min(start)..classes.min(start + L::WIDTH));
                // A class beyond the last has s = 0, and so have all its entries.
                L::load_part(&s_row[of_row.clone()], F::zero()).store(&mut s[here.clone()]);
                L::load_part(&dy_row[of_row], F::zero()).store(&mut dy[here.clone()]);
                L::splat(F::zero()).store(&mut part[here.clone()]);
                L::splat(F::zero()).store(&mut total[here]);
            }
            outer_product::<F, L>(classes, s, dy, part, total);
            for (class, dx) in dx_row.iter_mut().enumerate() {
                *dx = s[class] * dy[class] - (total[class] + part[class]);
            }
        }
    }
}

/// dx by all entries, four registers of columns at a time, or as many as are left.
#[inline(always)]
fn all_columns<F: Real, L: Lanes<F>>(s: &[F], dy: &[F], dx: &mut [F]) {
    let mut first = 0;
    while first < s.len() {
        // The portable level has no registers for more than one.
        let registers = if L::TILES { (s.len() - first).div_ceil(L::WIDTH).min(4) } else { 1 };
        // A term waits for the one before, so where there are few registers each takes several sums; not so in short rows, of which several run at once.
        match registers {
            1 if first == 0 || !L::TILES => columns::<F, L, 1, 1>(s, dy, dx, first),
            1 => columns::<F, L, 1, 4>(s, dy, dx, first),
            2 => columns::<F, L, 2, 2>(s, dy, dx, first),
            3 => columns::<F, L, 3, 2>(s, dy, dx, first),
            _ => columns::<F, L, 4, 1>(s, dy, dx, first),
        }
        first += registers * L::WIDTH;
    }
}

/// dxⱼ of the classes in N registers, in so many sums each.
#[inline(always)]
fn columns<F: Real, L: Lanes<F>, const N: usize, const SUMS: usize>(
    s: &[F],
    dy: &[F],
    dx: &mut [F],
    first: usize,
) {
    let place = |n: usize| s.len().min(first + n * L::WIDTH)..s.len().min(first + (n + 1) * L::WIDTH);
    let zero = L::splat(F::zero());
    let (mut s_j, mut dy_j) = ([zero; N], [zero; N]);
    for n in 0..N {
        s_j[n] = L::load_part(&s[place(n)], F::zero());
        dy_j[n] = L::load_part(&dy[place(n)], F::zero());
    }
    let total = down::<F, L, N, SUMS>(s, dy, s_j, [zero; N]);
    for n in 0..N {
        // δᵢⱼ was 0 in the sum, and its sign the other one; its one term, sⱼ dyⱼ, follows.
        (s_j[n] * dy_j[n] - total[n]).store_part(&mut dx[place(n)]);
    }
}

/// total + Σᵢ sᵢ sⱼ dyᵢ, row by row of the entries whose sⱼ are in the lanes, in so many sums each.
#[inline(always)]
fn down<F: Real, L: Lanes<F>, const N: usize, const SUMS: usize>(
    s: &[F],
    dy: &[F],
    s_j: [L; N],
    total: [L; N],
) -> [L; N] {
    let mut sums = [[L::splat(F::zero()); N]; SUMS];
    sums[0] = total;
    let ((s_rows, s_rest), (dy_rows, dy_rest)) = (s.as_chunks::<SUMS>(), dy.as_chunks::<SUMS>());
    for (s, dy) in s_rows.iter().zip(dy_rows) {
        for i in 0..SUMS {
            let (s_i, dy_i) = (L::splat(s[i]), L::splat(dy[i]));
            for n in 0..N {
                sums[i][n] = (s_i * s_j[n]).mul_add(dy_i, sums[i][n]);
            }
        }
    }
    let mut total = sums[0];
    for (&s_i, &dy_i) in s_rest.iter().zip(dy_rest) {
        let (s_i, dy_i) = (L::splat(s_i), L::splat(dy_i));
        for n in 0..N {
            total[n] = (s_i * s_j[n]).mul_add(dy_i, total[n]);
        }
    }
    for sum in &sums[1..] {
        for n in 0..N {
            total[n] = total[n] + sum[n];
        }
    }
    total
}

/// totalᵢ + partᵢ ← Σⱼ sᵢ sⱼ dyⱼ, of both 0.
#[inline(always)]
fn outer_product<F: Real, L: Lanes<F>>(classes: usize, s: &[F], dy: &[F], part: &mut [F], total: &mut [F]) {
    let zero = L::splat(F::zero());
    for square in (0..classes).step_by(L::WIDTH) {
        let beyond = square + L::WIDTH;
        let here = square..beyond;
        // The square of entries on the diagonal is formed whole.
        let (s_j, above) = (L::load(&s[here.clone()]), L::load(&part[here.clone()]));
        let [sum] = down::<F, L, 1, 1>(&s[here.clone()], &dy[here.clone()], [s_j], [above]);
        sum.store(&mut part[here]);
        if beyond >= classes {
            break;
        }
        let mut sums = [zero; 16];
        for (first, sums) in (square..beyond).step_by(ROWS).zip(sums.chunks_exact_mut(ROWS)) {
            let (mut s_i, mut dy_i) = ([zero; ROWS], [zero; ROWS]);
            for i in 0..ROWS {
                (s_i[i], dy_i[i]) = (L::splat(s[first + i]), L::splat(dy[first + i]));
            }
            let mut start = beyond;
            while start < classes {
                let end = s.len().min(start + PART * L::WIDTH);
                let mut along = [zero; ROWS];
                let columns = s[start..end].chunks_exact(L::WIDTH).zip(dy[start..end].chunks_exact(L::WIDTH));
                for ((s, dy), part) in columns.zip(part[start..end].chunks_exact_mut(L::WIDTH)) {
                    let (s, dy, mut down) = (L::load(s), L::load(dy), L::load(part));
                    for i in 0..ROWS {
                        let entry = s_i[i] * s;
                        along[i] = entry.mul_add(dy, along[i]);
                        down = entry.mul_add(dy_i[i], down);
                    }
                    down.store(part);
                }
                for i in 0..ROWS {
                    sums[i] = sums[i] + along[i];
                }
                start = end;
            }
        }
        let here = square..beyond;
        (L::load(&total[here.clone()]) + side_by_side::<F, L, false>(sums)).store(&mut total[here]);
        if beyond % COLUMN_PART == 0 {
            let from = beyond - COLUMN_PART;
            for (total, part) in total[from..].iter_mut().zip(&mut part[from..]) {
                *total += *part;
                *part = F::zero();
            }
        }
    }
}
