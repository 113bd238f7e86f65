use crate::{DataSet, Description};
use chainrule_core::Scaling;
use flate2::read::GzDecoder;
use std::io::Read;

const FILE: &[u8] = include_bytes!("../data/digits.csv.gz");
const PIXELS: usize = 64;

/// 1,797 handwritten digits of 8×8 pixels, 0 (paper) to 16 (ink), in ten classes; compiled into the program.
///
/// Its source is the test part of Optical Recognition of Handwritten Digits, by E. Alpaydin and C. Kaynak (1998), UCI
/// Machine Learning Repository, licensed CC BY 4.0.
///
/// ```
/// let digits = chainrule_data::digits();
/// assert_eq!((digits.len(), digits.width()), (1797, 64));
/// assert_eq!(digits.image_shape(), Some((8, 8)));
/// assert_eq!(digits.class_names()[3], "3");
/// ```
pub fn digits() -> DataSet {
    // The file is a part of the program, so what it holds is certain.
    let mut text = String::new();
    GzDecoder::new(FILE).read_to_string(&mut text).expect("the embedded file is intact");
    let (mut pixels, mut labels) = (Vec::new(), Vec::new());
    for line in text.lines() {
        let mut fields = line.split(',').map(|field| field.parse::<u8>().expect("a field is a byte"));
        pixels.extend(fields.by_ref().take(PIXELS));
        labels.extend(fields.map(usize::from));
    }
    let description = Description {
        name: "digits".into(),
        class_names: (0..10).map(|digit| digit.to_string()).collect(),
        scaling: Scaling::from_range(0.0, 16.0).expect("a range of pixels"),
        image_shape: Some((8, 8)),
    };
    DataSet::from_bytes(description, pixels, PIXELS, labels).expect("a line has 64 pixels and a label")
}

#[cfg(test)]
mod tests {
    use super::*;
    use chainrule_core::Rows;
    use ndarray::Array2;

    /// The sums are those of
    /// `zcat digits.csv.gz | awk -F, '{for(i=1;i<=64;i++){s+=$i; w+=$i*(((NR-1)*64+i-1)%1009)}; l+=$65*((NR-1)%101)}
    /// END{print s,w,l}'`, and the first image is the file's first line.
    #[test]
    fn every_pixel_and_label_is_in_its_place() {
        let digits = digits();
        let mut pixels = Array2::<f64>::zeros((1797, 64));
        digits.gather(&Vec::from_iter(0..1797), pixels.view_mut()).expect("all rows");
        assert!(pixels.iter().all(|pixel| (0.0..=16.0).contains(pixel)));
        assert_eq!(pixels.sum(), 561_718.0);
        let weighted: f64 =
            pixels.iter().zip(0_u32..).map(|(pixel, place)| pixel * f64::from(place % 1009)).sum();
        assert_eq!(weighted, 283_139_404.0);
        let weighted: usize =
            digits.labels().iter().enumerate().map(|(row, label)| label * (row % 101)).sum();
        assert_eq!(weighted, 399_720);
        let second_line = [0.0, 0.0, 13.0, 15.0, 10.0, 15.0, 5.0, 0.0];
        assert_eq!(pixels.row(0).to_vec()[8..16], second_line);
    }

    #[test]
    fn describes_itself() {
        let digits = digits();
        assert_eq!((digits.name(), digits.image_shape()), ("digits", Some((8, 8))));
        assert_eq!(digits.class_names(), ["0", "1", "2", "3", "4", "5", "6", "7", "8", "9"]);
        assert_eq!((digits.scaling().apply(0, 0.0_f32), digits.scaling().apply(63, 16.0_f32)), (0.0, 1.0));
        let counts = (0..10).map(|class| digits.labels().iter().filter(|&&label| label == class).count());
        assert_eq!(Vec::from_iter(counts), [178, 182, 177, 183, 181, 182, 181, 179, 174, 180]);
    }
}
