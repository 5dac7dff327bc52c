//! Areas for sizes: a squarified treemap (Bruls, Huizing, van Wijk, 2000).

/// Divides the rectangle `area` (x, y, width, height) among `sizes`, each to its part, as square as they
/// can be. They are given from the largest on; none and nothing get none.
pub fn areas(sizes: &[f64], area: [f64; 4]) -> Vec<[f64; 4]> {
    let total: f64 = sizes.iter().sum();
    let [mut x, mut y, mut width, mut height] = area;
    if total <= 0.0 || width <= 0.0 || height <= 0.0 {
        return sizes.iter().map(|_| [x, y, 0.0, 0.0]).collect();
    }
    let scale = width * height / total;
    let mut places = Vec::with_capacity(sizes.len());
    let mut rest = sizes;
    while !rest.is_empty() {
        let side = width.min(height);
        let mut count = 1;
        while count < rest.len() && worst(&rest[..=count], scale, side) <= worst(&rest[..count], scale, side)
        {
            count += 1;
        }
        let (row, others) = rest.split_at(count);
        let sum: f64 = row.iter().sum::<f64>() * scale;
        let depth = if side > 0.0 { sum / side } else { 0.0 };
        let mut along = 0.0;
        for size in row {
            let length = if depth > 0.0 { size * scale / depth } else { 0.0 };
            places.push(if width >= height {
                [x, y + along, depth, length]
            } else {
                [x + along, y, length, depth]
            });
            along += length;
        }
        if width >= height {
            x += depth;
            width = (width - depth).max(0.0);
        } else {
            y += depth;
            height = (height - depth).max(0.0);
        }
        rest = others;
    }
    places
}

/// The ratio of the longest rectangle of a row along a side of this length.
fn worst(row: &[f64], scale: f64, side: f64) -> f64 {
    let sum: f64 = row.iter().sum::<f64>() * scale;
    let ratio = |size: f64| {
        let area = size * scale;
        let one = side * side * area / (sum * sum);
        one.max(1.0 / one)
    };
    row.iter().map(|size| ratio(*size)).fold(0.0, f64::max)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_gets_its_part_and_none_lies_on_another() {
        let sizes = [6.0, 6.0, 4.0, 3.0, 2.0, 2.0, 1.0];
        let places = areas(&sizes, [10.0, 20.0, 60.0, 40.0]);
        for (size, [x, y, width, height]) in sizes.iter().zip(&places) {
            assert!((width * height - size * 100.0).abs() < 1e-6);
            assert!(*x >= 10.0 && *y >= 20.0 && x + width <= 70.0 + 1e-6 && y + height <= 60.0 + 1e-6);
            assert!(width.max(*height) / width.min(*height) < 4.0, "{width} × {height}");
        }
        for (number, one) in places.iter().enumerate() {
            for other in &places[number + 1..] {
                let apart = |at: usize| {
                    one[at] + one[at + 2] <= other[at] + 1e-6 || other[at] + other[at + 2] <= one[at] + 1e-6
                };
                assert!(apart(0) || apart(1), "{one:?} lies on {other:?}");
            }
        }
    }

    #[test]
    fn nothing_has_no_area() {
        assert!(areas(&[], [0.0, 0.0, 1.0, 1.0]).is_empty());
        assert_eq!(areas(&[0.0, 0.0], [1.0, 2.0, 3.0, 4.0]), [[1.0, 2.0, 0.0, 0.0]; 2]);
        let places = areas(&[5.0, 0.0], [0.0, 0.0, 2.0, 1.0]);
        assert!(places.iter().flatten().all(|number| number.is_finite()), "{places:?}");
    }
}
