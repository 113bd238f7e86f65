/// Elements of a piece, if a row has no more.
const PIECE: usize = 1 << 15;

/// Rows of `width` elements each. They lie in pieces of as many rows, so that nothing is copied as they grow, and little is
/// taken in advance.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Pieces<T> {
    width: usize,
    /// Rows of a piece: 2 to the power of this.
    shift: u32,
    pieces: Vec<Vec<T>>,
}

impl<T: Copy> Pieces<T> {
    pub(super) fn new(width: usize) -> Self {
        let shift = (PIECE / width.max(1)).max(1).ilog2();
        Pieces { width, shift, pieces: Vec::new() }
    }

    /// Adds a row of `width` elements, unless one of them is none, and says whether it did.
    pub(super) fn push(&mut self, row: impl Iterator<Item = Option<T>>) -> bool {
        let full = self.width << self.shift;
        if self.pieces.last().is_none_or(|piece| piece.len() == full) {
            self.pieces.push(Vec::with_capacity(full));
        }
        let Some(piece) = self.pieces.last_mut() else { return false };
        let before = piece.len();
        for element in row {
            let Some(element) = element else {
                piece.truncate(before);
                return false;
            };
            piece.push(element);
        }
        true
    }

    pub(super) fn row(&self, row: usize) -> &[T] {
        let within = row & ((1 << self.shift) - 1);
        &self.pieces[row >> self.shift][within * self.width..][..self.width]
    }

    /// The same rows, each element by `of` from its column and itself. Piece after piece is given back, so that at no time
    /// there are two of all.
    pub(super) fn convert<U: Copy>(&mut self, of: impl Fn(usize, T) -> U) -> Pieces<U> {
        let mut pieces = Vec::with_capacity(self.pieces.len());
        for piece in self.pieces.drain(..) {
            let mut converted = Vec::with_capacity(self.width << self.shift);
            converted.extend(piece.into_iter().enumerate().map(|(place, x)| of(place % self.width, x)));
            pieces.push(converted);
        }
        Pieces { width: self.width, shift: self.shift, pieces }
    }

    pub(super) fn shrink(&mut self) {
        self.pieces.iter_mut().for_each(Vec::shrink_to_fit);
        self.pieces.shrink_to_fit();
    }
}
