//! What stands behind an option, and what a user may write there.

use chainrule_data::Column;
use clap::builder::{OsStringValueParser, TypedValueParser};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::fmt;
use std::path::{Path, PathBuf};
use std::str::FromStr;

/// TOML has no larger whole numbers.
pub(super) const MOST: u64 = i64::MAX as u64;

/// The most threads that may be asked for.
const MOST_THREADS: usize = 1024;

/// Serialises what is a text on the command line as that text.
macro_rules! text {
    ($type:ty) => {
        impl Serialize for $type {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }

        impl<'de> Deserialize<'de> for $type {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
            }
        }
    };
}

/// Where rows come from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum DataSource {
    /// 1,797 handwritten digits of 8×8 pixels, compiled in.
    Digits,
    /// 70,000 images of clothes of 28×28 pixels, from four files.
    FashionMnist,
    /// 600 points on three arms of a spiral, generated.
    Spiral,
    /// A file, told by its extension.
    File(PathBuf),
}

impl DataSource {
    /// The file, if it is one.
    pub(crate) fn file(&self) -> Option<&Path> {
        match self {
            DataSource::File(path) => Some(path),
            DataSource::Digits | DataSource::FashionMnist | DataSource::Spiral => None,
        }
    }
}

/// A name or a path as text, which is how settings and models keep it.
pub(super) fn data_source() -> impl TypedValueParser<Value = DataSource> {
    OsStringValueParser::new().try_map(|text| match text.to_str() {
        Some(text) => text.parse(),
        None => Err("expected a path in UTF-8, as settings are kept in it".to_owned()),
    })
}

impl FromStr for DataSource {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "digits" => Ok(DataSource::Digits),
            "fashion-mnist" => Ok(DataSource::FashionMnist),
            "spiral" => Ok(DataSource::Spiral),
            // A name without a dot or a slash is a name misspelt, unless there is such a file.
            _ if text.contains(['.', '/', '\\']) || PathBuf::from(text).exists() => {
                Ok(DataSource::File(text.into()))
            }
            _ => Err("expected digits, fashion-mnist, spiral or the name of a file".to_owned()),
        }
    }
}

impl fmt::Display for DataSource {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        match self {
            DataSource::Digits => f.write_str("digits"),
            DataSource::FashionMnist => f.write_str("fashion-mnist"),
            DataSource::Spiral => f.write_str("spiral"),
            DataSource::File(path) => write!(f, "{}", path.display()),
        }
    }
}

text!(DataSource);

/// A column of a table: a name, a number from 1, or `last`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ColumnName(pub(crate) Column);

impl FromStr for ColumnName {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text.parse() {
            Ok(0) => Err("columns are counted from 1".to_owned()),
            Ok(number) => Ok(ColumnName(Column::Number(number))),
            Err(_) if text == "last" => Ok(ColumnName(Column::Last)),
            Err(_) if text.is_empty() => Err("expected a column's name or number".to_owned()),
            Err(_) => Ok(ColumnName(Column::Name(text.to_owned()))),
        }
    }
}

impl fmt::Display for ColumnName {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        match &self.0 {
            Column::Name(name) => f.write_str(name),
            Column::Number(number) => write!(f, "{number}"),
            Column::Last => f.write_str("last"),
        }
    }
}

text!(ColumnName);

/// What stands between two fields of a table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum DelimiterName {
    Sniff,
    Byte(u8),
}

const DELIMITERS: [(&str, u8); 5] =
    [("comma", b','), ("semicolon", b';'), ("tab", b'\t'), ("space", b' '), ("bar", b'|')];

impl FromStr for DelimiterName {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if text == "sniff" {
            return Ok(DelimiterName::Sniff);
        }
        if let Some((_, byte)) = DELIMITERS.iter().find(|(name, _)| *name == text) {
            return Ok(DelimiterName::Byte(*byte));
        }
        match *text.as_bytes() {
            [byte] if byte.is_ascii() && !matches!(byte, b'"' | b'\r' | b'\n' | 0) => {
                Ok(DelimiterName::Byte(byte))
            }
            _ => Err("expected comma, semicolon, tab, space, bar, sniff or one ASCII character".to_owned()),
        }
    }
}

impl fmt::Display for DelimiterName {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        match self {
            DelimiterName::Sniff => f.write_str("sniff"),
            DelimiterName::Byte(byte) => match DELIMITERS.iter().find(|(_, delimiter)| delimiter == byte) {
                Some((name, _)) => f.write_str(name),
                None => write!(f, "{}", char::from(*byte)),
            },
        }
    }
}

text!(DelimiterName);

/// Rows and columns of an image, as 28x28.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct ImageShape(pub(crate) usize, pub(crate) usize);

impl FromStr for ImageShape {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let sides = text
            .split_once('x')
            .and_then(|(rows, columns)| Some((whole(rows.trim(), 1).ok()?, whole(columns.trim(), 1).ok()?)));
        let (rows, columns) = sides.ok_or("expected rows and columns of an image, as 28x28")?;
        Ok(ImageShape(rows, columns))
    }
}

impl fmt::Display for ImageShape {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        write!(f, "{}x{}", self.0, self.1)
    }
}

text!(ImageShape);

/// Widths of hidden layers, first to last.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub(crate) struct Hidden(pub(crate) Vec<usize>);

impl FromStr for Hidden {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if text == "none" {
            return Ok(Hidden(Vec::new()));
        }
        let widths = text.split(',').map(|width| whole(width.trim(), 1)).collect::<Result<_, _>>();
        let expected = "expected widths of at least 1, separated by commas, as 128,64; or none";
        widths.map(Hidden).map_err(|_| expected.to_owned())
    }
}

pub(crate) fn whole(text: &str, least: usize) -> Result<usize, String> {
    let number = text.parse().ok().filter(|&number| number >= least && number as u64 <= MOST);
    number.ok_or_else(|| format!("expected a whole number, at least {least} and at most {MOST}"))
}

pub(crate) fn at_least_one(text: &str) -> Result<usize, String> {
    whole(text, 1)
}

pub(crate) fn at_least_two(text: &str) -> Result<usize, String> {
    whole(text, 2)
}

pub(crate) fn threads(text: &str) -> Result<usize, String> {
    if text == "all" {
        return Ok(0);
    }
    let number = text.parse().ok().filter(|&number| number <= MOST_THREADS);
    number.ok_or_else(|| format!("expected all, or a whole number from 0 (all cores) to {MOST_THREADS}"))
}

pub(crate) fn positive(text: &str) -> Result<f64, String> {
    let number = text.parse().ok().filter(|number: &f64| number.is_finite() && *number > 0.0);
    number.ok_or_else(|| "expected a finite number above 0".to_owned())
}

pub(crate) fn not_negative(text: &str) -> Result<f64, String> {
    let number = text.parse().ok().filter(|number: &f64| number.is_finite() && *number >= 0.0);
    number.ok_or_else(|| "expected a finite number, at least 0".to_owned())
}

/// A share that is less than all.
pub(crate) fn share(text: &str) -> Result<f64, String> {
    let number = text.parse().ok().filter(|number| (0.0..1.0).contains(number));
    number.ok_or_else(|| "expected a number from 0 up to 1, which is excluded".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_threads() {
        assert_eq!(threads("all"), Ok(0));
        assert_eq!(threads("3"), Ok(3));
        for text in ["", "-1", "1.5", "ALL", "1025"] {
            assert!(threads(text).is_err(), "{text:?}");
        }
    }

    #[test]
    fn reads_widths() {
        assert_eq!("128, 64".parse(), Ok(Hidden(vec![128, 64])));
        assert_eq!("none".parse(), Ok(Hidden(Vec::new())));
        for text in ["", "0", "8,0", "8,,8", "8;8", "-1", "1.5", "99999999999999999999999"] {
            assert!(text.parse::<Hidden>().is_err(), "{text:?}");
        }
    }

    #[test]
    fn what_is_written_is_read_again() {
        fn same<T: FromStr<Err = String> + fmt::Display>(texts: &[&str]) {
            for text in texts {
                assert_eq!(text.parse::<T>().map(|value| value.to_string()), Ok((*text).to_owned()));
            }
        }
        same::<DataSource>(&["digits", "fashion-mnist", "spiral", "dir/rows.csv", "rows.tsv.gz"]);
        same::<ColumnName>(&["last", "species", "7", "größe"]);
        same::<DelimiterName>(&["sniff", "comma", "tab", "bar", "space", "semicolon", ":"]);
        same::<ImageShape>(&["28x28", "1x9"]);
    }

    #[test]
    fn names_what_it_cannot_read() {
        assert!("cats".parse::<DataSource>().is_err());
        assert!("0".parse::<ColumnName>().is_err() && "".parse::<ColumnName>().is_err());
        assert!(["", "::", "é", "\""].iter().all(|text| text.parse::<DelimiterName>().is_err()));
        assert!(["", "8", "0x8", "8x", "8x8x8"].iter().all(|text| text.parse::<ImageShape>().is_err()));
        assert!(["-0.1", "1", "NaN", "x"].iter().all(|text| share(text).is_err()));
    }
}
