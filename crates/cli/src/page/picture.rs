use anyhow::Result;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;

/// A PNG of grey pixels as a `data:` URL: from white at the low end of `range` to black at the high one.
pub(super) fn data_url(pixels: &[f32], (rows, columns): (usize, usize), range: (f32, f32)) -> Result<String> {
    let (low, high) = range;
    let width = if high > low { high - low } else { 1.0 };
    let grey: Vec<u8> =
        pixels.iter().map(|x| (255.0 * (1.0 - (x - low) / width)).clamp(0.0, 255.0) as u8).collect();
    let mut file = Vec::new();
    let mut encoder = png::Encoder::new(&mut file, u32::try_from(columns)?, u32::try_from(rows)?);
    encoder.set_color(png::ColorType::Grayscale);
    encoder.set_depth(png::BitDepth::Eight);
    let mut writer = encoder.write_header()?;
    writer.write_image_data(&grey)?;
    writer.finish()?;
    Ok(format!("data:image/png;base64,{}", STANDARD.encode(file)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ink_is_dark() {
        let url = data_url(&[0.0, 8.0, 16.0, 4.0, 0.0, 16.0], (2, 3), (0.0, 16.0)).expect("a picture");
        let bytes =
            STANDARD.decode(url.strip_prefix("data:image/png;base64,").expect("a PNG")).expect("base64");
        let mut reader = png::Decoder::new(std::io::Cursor::new(bytes)).read_info().expect("a header");
        let mut pixels = vec![0; reader.output_buffer_size().expect("a small picture")];
        reader.next_frame(&mut pixels).expect("pixels");
        assert_eq!(pixels, [255, 127, 0, 191, 255, 0]);
        assert_eq!((reader.info().width, reader.info().height), (3, 2));
    }
}
