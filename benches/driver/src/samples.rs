//! Many values of one figure: their median and their spread.

use serde::Serialize;

/// In the unit of the values.
#[derive(Debug, Clone, Copy, Serialize)]
pub(crate) struct Spread {
    pub(crate) median: f64,
    pub(crate) p99: f64,
    pub(crate) min: f64,
    pub(crate) max: f64,
    pub(crate) count: usize,
}

impl Spread {
    /// `None` of no values.
    pub(crate) fn of(values: impl IntoIterator<Item = f64>) -> Option<Self> {
        let mut values: Vec<f64> = values.into_iter().collect();
        values.sort_by(f64::total_cmp);
        let at = |part: f64| {
            // The nearest rank.
            let rank = (part * values.len() as f64).ceil() as usize;
            values.get(rank.saturating_sub(1)).copied()
        };
        Some(Self {
            median: at(0.5)?,
            p99: at(0.99)?,
            min: *values.first()?,
            max: *values.last()?,
            count: values.len(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nearest_ranks() {
        let spread = Spread::of((1..=200).rev().map(f64::from)).unwrap();
        assert_eq!(
            (spread.median, spread.p99, spread.min, spread.max, spread.count),
            (100.0, 198.0, 1.0, 200.0, 200)
        );
        let spread = Spread::of([3.0]).unwrap();
        assert_eq!((spread.median, spread.p99), (3.0, 3.0));
        assert!(Spread::of([]).is_none());
    }
}
