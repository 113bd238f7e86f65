use std::cmp::Ordering;

/// The different labels of a data set in the order of its classes, and of each of `labels` its class.
///
/// Labels that are all numbers are in the order of numbers, all others in the order of their characters' code points.
pub(crate) fn in_order(labels: Vec<String>) -> (Vec<String>, Vec<usize>) {
    let numbers: Option<Vec<f64>> = labels.iter().map(|label| finite(label)).collect();
    let mut order: Vec<usize> = (0..labels.len()).collect();
    order.sort_by(|&a, &b| {
        let by_number = numbers.as_ref().map_or(Ordering::Equal, |numbers| numbers[a].total_cmp(&numbers[b]));
        by_number.then_with(|| labels[a].cmp(&labels[b]))
    });
    let mut class = vec![0; labels.len()];
    order.iter().enumerate().for_each(|(rank, &label)| class[label] = rank);
    let mut labels = labels;
    let sorted = order.iter().map(|&label| std::mem::take(&mut labels[label])).collect();
    (sorted, class)
}

fn finite(label: &str) -> Option<f64> {
    label.parse().ok().filter(|number: &f64| number.is_finite())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_ordered_as_numbers_and_text_as_text() {
        let table: &[(&[&str], &[&str])] = &[
            (&["10", "9", "-1", "1e1"], &["-1", "9", "10", "1e1"]),
            (&["10", "9", "x"], &["10", "9", "x"]),
            (&["ö", "o", "Z", "é"], &["Z", "o", "é", "ö"]),
            (&["inf", "1"], &["1", "inf"]),
            (&["nan", "2", "10"], &["10", "2", "nan"]),
            (&[], &[]),
        ];
        for (labels, expected) in table {
            let (sorted, class) = in_order(labels.iter().map(|label| label.to_string()).collect());
            assert_eq!(sorted, *expected);
            for (label, class) in labels.iter().zip(class) {
                assert_eq!(sorted[class], *label);
            }
        }
    }
}
