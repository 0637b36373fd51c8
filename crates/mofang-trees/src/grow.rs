//! Grows a tree, leaf by leaf.

use crate::Settings;
use crate::bins::Binning;
use crate::histogram::{Histogram, Sums};
use crate::split::{Rule, Split, best, contains};
use crate::tree::{Node, Tree};

/// What a tree is grown from.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Ground<'a> {
    pub(crate) binnings: &'a [Binning],
    /// The bin of each row, by column.
    pub(crate) bins: &'a [Vec<u8>],
    /// First and second derivative of the loss of each row.
    pub(crate) slopes: &'a [(f64, f64)],
    /// The columns that the tree may look at.
    pub(crate) columns: &'a [usize],
    pub(crate) settings: &'a Settings,
}

/// A leaf that may still be divided.
struct Bud {
    /// Its place among the nodes.
    node: usize,
    depth: usize,
    rows: Vec<u32>,
    histogram: Histogram,
    split: Split,
}

/// Grows a tree on some rows, always where the loss falls most.
pub(crate) fn grow(ground: Ground<'_>, rows: Vec<u32>) -> Tree {
    let mut nodes = Vec::new();
    let mut buds: Vec<Bud> = Vec::new();
    let histogram = Histogram::new(ground.bins, ground.columns, &rows, ground.slopes);
    let sums = rows.iter().fold(Sums::default(), |sums, row| {
        let (gradient, hessian) = ground.slopes[*row as usize];
        sums.plus(Sums {
            gradient,
            hessian,
            rows: 1,
        })
    });
    let mut leaves = 1;
    nodes.push(ground.leaf(sums));
    buds.extend(ground.bud(0, 0, rows, sums, histogram));
    while leaves < ground.settings.leaves_max {
        // Of equally good ones the oldest.
        let best = (0..buds.len())
            .rev()
            .max_by(|a, b| buds[*a].split.gain.total_cmp(&buds[*b].split.gain));
        let Some(place) = best else { break };
        let bud = buds.remove(place);
        let (left, right) = ground.part(&bud);
        let children = nodes.len();
        nodes[bud.node] = ground.node(&bud.split, children, children + 1);
        nodes.push(ground.leaf(bud.split.left));
        nodes.push(ground.leaf(bud.split.right));
        leaves += 1;
        // Only the smaller side is added up; the other is what is left.
        let is_left_smaller = left.len() <= right.len();
        let smaller = if is_left_smaller { &left } else { &right };
        let small = Histogram::new(ground.bins, ground.columns, smaller, ground.slopes);
        let large = bud.histogram.without(&small);
        let (left_histogram, right_histogram) = if is_left_smaller {
            (small, large)
        } else {
            (large, small)
        };
        let depth = bud.depth + 1;
        buds.extend(ground.bud(children, depth, left, bud.split.left, left_histogram));
        buds.extend(ground.bud(children + 1, depth, right, bud.split.right, right_histogram));
    }
    Tree { nodes }
}

impl Ground<'_> {
    fn leaf(&self, sums: Sums) -> Node {
        let value = -sums.gradient / (sums.hessian + self.settings.l2).max(f64::MIN_POSITIVE);
        let value = (value * self.settings.learning_rate) as f32;
        Node::Leaf(if value.is_finite() { value } else { 0.0 })
    }

    /// The leaf, when there is a way to divide it.
    fn bud(
        &self,
        node: usize,
        depth: usize,
        rows: Vec<u32>,
        sums: Sums,
        histogram: Histogram,
    ) -> Option<Bud> {
        if self.settings.depth_max.is_some_and(|most| depth >= most) {
            return None;
        }
        let split = best(&histogram, self.binnings, self.columns, sums, self.settings)?;
        Some(Bud {
            node,
            depth,
            rows,
            histogram,
            split,
        })
    }

    fn part(&self, bud: &Bud) -> (Vec<u32>, Vec<u32>) {
        let bins = &self.bins[bud.split.column];
        let goes_left = |row: &u32| bud.split.rule.goes_left(bins[*row as usize]);
        bud.rows.iter().partition(|row| goes_left(row))
    }

    /// The split in terms of values instead of bins.
    fn node(&self, split: &Split, left: usize, right: usize) -> Node {
        match (&split.rule, &self.binnings[split.column]) {
            (
                Rule::UpTo {
                    bin,
                    missing_goes_left,
                },
                Binning::Numbers(bounds),
            ) => Node::Number {
                column: split.column,
                // Behind the last bound is everything that is not missing.
                bound: bounds.get(usize::from(*bin)).copied().unwrap_or(f32::MAX),
                missing_goes_left: *missing_goes_left,
                left,
                right,
            },
            (Rule::In(set), Binning::Categories(bins)) => Node::Category {
                column: split.column,
                codes: (0_u32..)
                    .zip(bins)
                    .filter(|(_, bin)| contains(set, **bin))
                    .map(|(code, _)| code)
                    .collect(),
                others_go_left: contains(set, 0),
                known: bins.len() as u32,
                left,
                right,
            },
            // A rule is of the kind of its column.
            (Rule::UpTo { .. }, Binning::Categories(_)) | (Rule::In(_), Binning::Numbers(_)) => {
                Node::Leaf(0.0)
            }
        }
    }
}
