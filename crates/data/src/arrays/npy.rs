use super::ArrayProblem;
use super::element::{Element, Kind};
use super::raw::{Failure, RawArray, header_bytes};
use crate::excerpt::excerpt;
use std::io::Read;

pub(super) const MAGIC: &[u8] = b"\x93NUMPY";

/// Most bytes of a header that is read; NumPy writes some hundred.
const MOST_HEADER: u64 = 1 << 16;
/// Most bytes of an element.
const MOST_ELEMENT: usize = 1 << 20;

/// Reads the header of an array in NumPy's format, which `length` bytes of `data` hold, or, if they are compressed, at
/// most so many.
///
/// The format: `\x93NUMPY`, the version in two bytes, the length of what follows in two (version 1) or four bytes (2 and 3), little
/// endian, and as many bytes of a dictionary in Python's syntax; then the elements. Source: NumPy's `numpy.lib.format`.
pub(super) fn header(data: &mut dyn Read, length: u64, exact: bool) -> Result<RawArray<'_>, Failure> {
    let start = header_bytes(data, MAGIC.len() + 2, MAGIC.len() as u64 + 2)?;
    if !start.starts_with(MAGIC) {
        return Err(ArrayProblem::Format { found: start }.into());
    }
    let (major, minor) = (start[6], start[7]);
    let width = match (major, minor) {
        (1, 0) => 2,
        (2 | 3, 0) => 4,
        _ => return Err(ArrayProblem::Version { major, minor }.into()),
    };
    let fixed = 8 + width;
    let count =
        header_bytes(data, width as usize, fixed)?.iter().rev().fold(0, |n, &b| n << 8 | u64::from(b));
    if count > MOST_HEADER {
        return Err(ArrayProblem::LongHeader { found: count, most: MOST_HEADER }.into());
    }
    let text = header_bytes(data, count as usize, fixed + count)?;
    let mut parser = Parser { rest: &text };
    let (element, columns_first, shape) = parser.dictionary()?;
    let most = length.saturating_sub(fixed + count);
    Ok(RawArray { element, shape, columns_first, data: Box::new(data), most, exact })
}

/// Reads a dictionary like `{'descr': '<f4', 'fortran_order': False, 'shape': (3, 4), }`.
struct Parser<'a> {
    rest: &'a [u8],
}

impl<'a> Parser<'a> {
    fn dictionary(&mut self) -> Result<(Element, bool, Vec<u64>), Failure> {
        let (mut element, mut columns_first, mut shape) = (None, None, None);
        self.expect(b'{', "{")?;
        while !self.accept(b'}') {
            let key = self.string()?;
            self.expect(b':', ":")?;
            match key {
                b"descr" if element.is_none() => element = Some(self.element()?),
                b"fortran_order" if columns_first.is_none() => columns_first = Some(self.boolean()?),
                b"shape" if shape.is_none() => shape = Some(self.lengths()?),
                _ => return self.error_at(key, "descr, fortran_order and shape, each once"),
            }
            if !self.accept(b',') {
                self.expect(b'}', ", or }")?;
                break;
            }
        }
        self.skip_spaces();
        if !self.rest.is_empty() {
            return self.error("the end of the header");
        }
        match (element, columns_first, shape) {
            (Some(element), Some(columns_first), Some(shape)) => Ok((element, columns_first, shape)),
            _ => self.error("descr, fortran_order and shape, each once"),
        }
    }

    fn element(&mut self) -> Result<Element, Failure> {
        self.skip_spaces();
        if self.rest.starts_with(b"[") {
            return Err(ArrayProblem::Element { found: excerpt(self.rest) }.into());
        }
        let descr = self.string()?;
        element(descr).ok_or_else(|| ArrayProblem::Element { found: excerpt(descr) }.into())
    }

    fn boolean(&mut self) -> Result<bool, Failure> {
        self.skip_spaces();
        for (word, value) in [(&b"True"[..], true), (b"False", false)] {
            if let Some(rest) = self.rest.strip_prefix(word) {
                self.rest = rest;
                return Ok(value);
            }
        }
        self.error("True or False")
    }

    fn lengths(&mut self) -> Result<Vec<u64>, Failure> {
        self.expect(b'(', "(")?;
        let mut lengths = Vec::new();
        while !self.accept(b')') {
            lengths.push(self.length()?);
            if !self.accept(b',') {
                self.expect(b')', ", or )")?;
                break;
            }
        }
        Ok(lengths)
    }

    fn length(&mut self) -> Result<u64, Failure> {
        self.skip_spaces();
        let digits = self.rest.iter().take_while(|byte| byte.is_ascii_digit()).count();
        let (number, rest) = self.rest.split_at(digits);
        let Some(length) = str::from_utf8(number).ok().and_then(|number| number.parse().ok()) else {
            return self.error("a length");
        };
        // Python 2 wrote long integers with an L.
        self.rest = rest.strip_prefix(b"L").unwrap_or(rest);
        Ok(length)
    }

    /// A string without escapes.
    fn string(&mut self) -> Result<&'a [u8], Failure> {
        self.skip_spaces();
        let rest = self.rest;
        if let Some((&quote, text)) = rest.split_first()
            && matches!(quote, b'\'' | b'"')
            && let Some(end) = text.iter().position(|&byte| byte == quote)
        {
            self.rest = &text[end + 1..];
            return Ok(&text[..end]);
        }
        self.error("a string")
    }

    fn accept(&mut self, byte: u8) -> bool {
        self.skip_spaces();
        let rest = self.rest.strip_prefix(&[byte]);
        self.rest = rest.unwrap_or(self.rest);
        rest.is_some()
    }

    fn expect(&mut self, byte: u8, expected: &'static str) -> Result<(), Failure> {
        if self.accept(byte) { Ok(()) } else { self.error(expected) }
    }

    fn skip_spaces(&mut self) {
        self.rest = self.rest.trim_ascii_start();
    }

    fn error<T>(&self, expected: &'static str) -> Result<T, Failure> {
        self.error_at(self.rest, expected)
    }

    fn error_at<T>(&self, found: &[u8], expected: &'static str) -> Result<T, Failure> {
        Err(ArrayProblem::Header { expected, found: excerpt(found) }.into())
    }
}

/// What NumPy calls `<f4`: the order of bytes, the kind, and their number (of `U`, of characters).
fn element(descr: &[u8]) -> Option<Element> {
    let (order, rest) = descr.split_first()?;
    let (kind, size) = rest.split_first()?;
    let big_endian = match order {
        b'<' | b'|' => false,
        b'>' => true,
        // Of the machine that wrote it, most likely like this one.
        b'=' => cfg!(target_endian = "big"),
        _ => return None,
    };
    let size: usize = str::from_utf8(size).ok().filter(|size| !size.starts_with('+'))?.parse().ok()?;
    let (kind, size) = match (kind, size) {
        (b'b', 1) => (Kind::Bool, 1),
        (b'u', 1 | 2 | 4 | 8) => (Kind::Unsigned, size),
        (b'i', 1 | 2 | 4 | 8) => (Kind::Signed, size),
        (b'f', 2 | 4 | 8) => (Kind::Float, size),
        (b'U', 1..) => (Kind::CodePoints, size.checked_mul(4)?),
        (b'S', 1..) => (Kind::Bytes, size),
        _ => return None,
    };
    (size <= MOST_ELEMENT).then_some(Element { kind, size, big_endian })
}
