//! Shapes as they are written on the command line: `3x224x224`.

use std::fmt;
use std::str::FromStr;

use crate::exit::Failure;

/// Sizes with `x` between.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Shape(Vec<usize>);

/// Most values of a tensor of this shape.
const VALUES_MAX: usize = 1 << 26;

impl Shape {
    /// Channels, height and width of one image; a batch of one may stand before them.
    pub(crate) fn image(&self) -> anyhow::Result<[usize; 3]> {
        match self.0.as_slice() {
            [channels, height, width] | [1, channels, height, width] => {
                Ok([*channels, *height, *width])
            }
            _ => Err(Failure::bad_input(format!(
                "{self} is not the shape of an image; write channels, height and width, as 3x224x224"
            ))
            .into()),
        }
    }

    /// The sizes of one example: without the batch of one that may stand before an image.
    pub(crate) fn example(&self) -> &[usize] {
        match self.0.as_slice() {
            [1, image @ ..] if image.len() == 3 => image,
            sizes => sizes,
        }
    }
}

impl FromStr for Shape {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let sizes: Result<Vec<usize>, _> = text.split(['x', 'X', '×']).map(str::parse).collect();
        let sizes = sizes.map_err(|_| "write sizes with x between, as 3x224x224".to_owned())?;
        let values = sizes
            .iter()
            .try_fold(1_usize, |product, size| product.checked_mul(*size));
        match values {
            Some(1..=VALUES_MAX) => Ok(Self(sizes)),
            _ => Err(format!("it has none or more than {VALUES_MAX} values")),
        }
    }
}

impl fmt::Display for Shape {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sizes: Vec<String> = self.0.iter().map(usize::to_string).collect();
        f.write_str(&sizes.join("x"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_shape_is_sizes_with_x_between() {
        let shape: Shape = "1x3x8x8".parse().unwrap();
        assert_eq!(shape.example(), [3, 8, 8]);
        assert_eq!(shape.image().unwrap(), [3, 8, 8]);
        assert_eq!(shape.to_string(), "1x3x8x8");
        let vector: Shape = "1x16".parse().unwrap();
        assert_eq!(vector.example(), [1, 16]);
        assert!(vector.image().is_err());
        assert!("2x3x8x8".parse::<Shape>().unwrap().image().is_err());
        for text in ["", "3x", "3x-1", "0x3", "99999999x99999999", "3,4"] {
            assert!(text.parse::<Shape>().is_err(), "{text}");
        }
    }
}
