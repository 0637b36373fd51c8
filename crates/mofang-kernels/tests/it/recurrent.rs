//! LSTM and GRU against PyTorch's formulas in double precision and finite differences.

use mofang_kernels::geometry::RecurrentShape;
use mofang_kernels::recurrent::{Recurrence, RecurrentGradient, RecurrentWeights, gru, lstm};
use proptest::prelude::*;

use crate::support::{assert_slope, assert_sums, bits, values, widen};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Lstm,
    Gru,
}

#[derive(Debug, Clone, Copy)]
struct Case {
    kind: Kind,
    shape: RecurrentShape,
    is_reversed: bool,
    is_ragged: bool,
    has_first: bool,
}

/// Everything that goes in: input, `weight_ih`, `weight_hh`, `bias_ih`, `bias_hh`, first state, first cell.
type Arguments<T> = [Vec<T>; 7];

impl Case {
    fn gates(&self) -> usize {
        match self.kind {
            Kind::Lstm => 4,
            Kind::Gru => 3,
        }
    }

    fn lengths(&self) -> Vec<usize> {
        let RecurrentShape { batch, time, .. } = self.shape;
        (0..batch)
            .map(|item| {
                if self.is_ragged {
                    (time + 5 * item) % (time + 1)
                } else {
                    time
                }
            })
            .collect()
    }

    fn arguments(&self) -> Arguments<f32> {
        let RecurrentShape {
            batch,
            time,
            features,
            hidden,
        } = self.shape;
        let rows = self.gates() * hidden;
        let state = if self.has_first { batch * hidden } else { 0 };
        [
            values(batch * time * features, 1),
            values(rows * features, 2),
            values(rows * hidden, 3),
            values(rows, 4),
            values(rows, 5),
            values(state, 6),
            values(state, 7),
        ]
    }

    /// Output, last state, last cell.
    fn definition(&self, arguments: &Arguments<f64>) -> [Vec<f64>; 3] {
        let RecurrentShape {
            batch,
            time,
            features,
            hidden,
        } = self.shape;
        let [
            input,
            weight_ih,
            weight_hh,
            bias_ih,
            bias_hh,
            first,
            first_cell,
        ] = arguments;
        let sigmoid = |x: f64| 1.0 / (1.0 + (-x).exp());
        let mut output = vec![0.0; batch * time * hidden];
        let (mut states, mut cells) = (Vec::new(), Vec::new());
        for (item, length) in self.lengths().into_iter().enumerate() {
            let of = |first: &[f64]| {
                let first = first.get(item * hidden..(item + 1) * hidden);
                first.map_or(vec![0.0; hidden], <[f64]>::to_vec)
            };
            let (mut state, mut cell) = (of(first), of(first_cell));
            for step in 0..length {
                let t = if self.is_reversed {
                    length - 1 - step
                } else {
                    step
                };
                let x = &input[(item * time + t) * features..][..features];
                let dot = |row: &[f64], values: &[f64]| -> f64 {
                    row.iter().zip(values).map(|(w, x)| w * x).sum()
                };
                let rows = 0..self.gates() * hidden;
                let by_input: Vec<f64> = rows
                    .clone()
                    .map(|row| dot(&weight_ih[row * features..], x) + bias_ih[row])
                    .collect();
                let by_state: Vec<f64> = rows
                    .map(|row| {
                        dot(&weight_hh[row * hidden..(row + 1) * hidden], &state) + bias_hh[row]
                    })
                    .collect();
                for place in 0..hidden {
                    let sum = |gate: usize| {
                        by_input[gate * hidden + place] + by_state[gate * hidden + place]
                    };
                    match self.kind {
                        Kind::Lstm => {
                            let (i, f) = (sigmoid(sum(0)), sigmoid(sum(1)));
                            let (g, o) = (sum(2).tanh(), sigmoid(sum(3)));
                            cell[place] = f * cell[place] + i * g;
                            state[place] = o * cell[place].tanh();
                        }
                        Kind::Gru => {
                            let (r, z) = (sigmoid(sum(0)), sigmoid(sum(1)));
                            let place_of_n = 2 * hidden + place;
                            let n = (by_input[place_of_n] + r * by_state[place_of_n]).tanh();
                            state[place] = (1.0 - z) * n + z * state[place];
                        }
                    }
                }
                output[(item * time + t) * hidden..][..hidden].copy_from_slice(&state);
            }
            states.extend(state);
            cells.extend(cell);
        }
        [output, states, cells]
    }

    /// The same by the kernels, and the gradients of all arguments.
    fn run(
        &self,
        arguments: &Arguments<f32>,
        slopes: &[Vec<f32>; 3],
    ) -> ([Vec<f32>; 3], Arguments<f32>) {
        self.run_with(&self.lengths(), arguments, slopes)
    }

    fn run_with(
        &self,
        lengths: &[usize],
        arguments: &Arguments<f32>,
        slopes: &[Vec<f32>; 3],
    ) -> ([Vec<f32>; 3], Arguments<f32>) {
        let [
            input,
            weight_ih,
            weight_hh,
            bias_ih,
            bias_hh,
            first,
            first_cell,
        ] = arguments;
        let recurrence = Recurrence {
            shape: self.shape,
            lengths: self.is_ragged.then_some(lengths),
            is_reversed: self.is_reversed,
        };
        let weights = RecurrentWeights {
            input: weight_ih,
            hidden: weight_hh,
            input_bias: Some(bias_ih),
            hidden_bias: Some(bias_hh),
        };
        let mut output = vec![f32::NAN; self.shape.batch * self.shape.time * self.shape.hidden];
        let mut by_input = vec![f32::NAN; input.len()];
        let [output_slopes, last_slopes, cell_slopes] = slopes;
        let flat = |weights: RecurrentGradient, by_input: Vec<f32>, first: [Vec<f32>; 2]| {
            let [state, cell] = first;
            let RecurrentGradient {
                input,
                hidden,
                input_bias,
                hidden_bias,
            } = weights;
            [
                by_input,
                input,
                hidden,
                input_bias,
                hidden_bias,
                state,
                cell,
            ]
        };
        match self.kind {
            Kind::Lstm => {
                let first = self.has_first.then_some([&first[..], &first_cell[..]]);
                let passed =
                    lstm::forward(&recurrence, weights, input, first, &mut output).unwrap();
                let gradient = lstm::gradient(
                    &recurrence,
                    weights,
                    input,
                    first,
                    &output,
                    &passed,
                    output_slopes,
                    Some([last_slopes, cell_slopes]),
                    Some(&mut by_input),
                )
                .unwrap();
                let [state, cell] = passed.last;
                (
                    [output, state, cell],
                    flat(gradient.weights, by_input, gradient.first),
                )
            }
            Kind::Gru => {
                let first = self.has_first.then_some(&first[..]);
                let passed = gru::forward(&recurrence, weights, input, first, &mut output).unwrap();
                let gradient = gru::gradient(
                    &recurrence,
                    weights,
                    input,
                    first,
                    &output,
                    &passed,
                    output_slopes,
                    Some(last_slopes),
                    Some(&mut by_input),
                )
                .unwrap();
                let cell = vec![0.0; first.map_or(0, <[f32]>::len)];
                let gradients = flat(gradient.weights, by_input, [gradient.first, cell]);
                ([output, passed.last, Vec::new()], gradients)
            }
        }
    }

    fn slopes(&self) -> [Vec<f32>; 3] {
        let RecurrentShape {
            batch,
            time,
            hidden,
            ..
        } = self.shape;
        [
            values(batch * time * hidden, 8),
            values(batch * hidden, 9),
            values(batch * hidden, 10),
        ]
    }
}

const NAMES: [&str; 7] = [
    "input",
    "weight_ih",
    "weight_hh",
    "bias_ih",
    "bias_hh",
    "first state",
    "first cell",
];

fn check(case: Case) {
    let arguments = case.arguments();
    let slopes = case.slopes();
    let wide: Arguments<f64> = arguments.each_ref().map(|values| widen(values));
    let expected = case.definition(&wide);
    let (actual, gradients) = case.run(&arguments, &slopes);
    let RecurrentShape {
        time,
        features,
        hidden,
        ..
    } = case.shape;
    let terms = features + hidden;
    let names = ["output", "last state", "last cell"];
    for ((name, actual), expected) in names.iter().zip(&actual).zip(&expected) {
        if case.kind == Kind::Lstm || *name != "last cell" {
            assert_sums(
                name,
                actual,
                expected,
                terms,
                2.0 * (time as f64).sqrt().max(1.0),
            );
        }
    }
    for (place, gradient) in gradients.iter().enumerate() {
        if !case.has_first && place >= 5 {
            continue;
        }
        let bound = 3e-5 * (time as f64).sqrt().max(1.0);
        assert_slope(NAMES[place], gradient, &wide[place], bound, |at| {
            let mut moved = wide.clone();
            moved[place] = at.to_vec();
            let outputs = case.definition(&moved);
            let sums = outputs
                .iter()
                .zip(&slopes)
                .take(if case.kind == Kind::Lstm { 3 } else { 2 });
            sums.flat_map(|(y, s)| y.iter().zip(s))
                .map(|(y, s)| y * f64::from(*s))
                .sum()
        });
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 60, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_shape(
        kind in prop::sample::select(&[Kind::Lstm, Kind::Gru][..]),
        (batch, time, features, hidden) in (0_usize..7, 0_usize..6, 0_usize..7, 0_usize..20),
        (is_reversed, is_ragged, has_first) in any::<(bool, bool, bool)>(),
    ) {
        let shape = RecurrentShape { batch, time, features, hidden };
        check(Case { kind, shape, is_reversed, is_ragged, has_first });
    }
}

fn large(kind: Kind) -> Case {
    let shape = RecurrentShape {
        batch: 33,
        time: 9,
        features: 13,
        hidden: 37,
    };
    Case {
        kind,
        shape,
        is_reversed: true,
        is_ragged: true,
        has_first: true,
    }
}

#[test]
fn a_batch_of_several_tiles() {
    check(large(Kind::Lstm));
    check(large(Kind::Gru));
}

#[test]
fn a_hundred_runs_and_any_number_of_threads_give_the_same_bits() {
    for kind in [Kind::Lstm, Kind::Gru] {
        let case = large(kind);
        let (arguments, slopes) = (case.arguments(), case.slopes());
        let run = || {
            let (outputs, gradients) = case.run(&arguments, &slopes);
            let all = outputs.iter().chain(&gradients);
            all.map(|values| bits(values)).collect::<Vec<_>>()
        };
        let first = run();
        for _ in 0..100 {
            assert!(run() == first);
        }
        for threads in [1, 3, 7] {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build();
            assert!(pool.unwrap().install(run) == first, "{threads} threads");
        }
    }
}

#[test]
fn steps_beyond_an_items_length_are_never_read() {
    for kind in [Kind::Lstm, Kind::Gru] {
        let case = large(kind);
        let (mut arguments, mut slopes) = (case.arguments(), case.slopes());
        let expected = case.run(&arguments, &slopes);
        let RecurrentShape {
            time,
            features,
            hidden,
            ..
        } = case.shape;
        for (item, length) in case.lengths().into_iter().enumerate() {
            let from = item * time + length;
            let to = (item + 1) * time;
            arguments[0][from * features..to * features].fill(f32::NAN);
            slopes[0][from * hidden..to * hidden].fill(f32::NAN);
        }
        assert!(case.run(&arguments, &slopes) == expected);
        arguments[0][0] = f32::NAN;
        let lengths = case.lengths();
        assert!(lengths[0] > 0);
        let ([output, ..], _) = case.run(&arguments, &slopes);
        assert!(output[..hidden].iter().all(|value| value.is_nan()));
        assert!(output[time * hidden..].iter().all(|value| !value.is_nan()));
    }
}

#[test]
fn lengths_that_do_not_fit_are_errors() {
    let case = large(Kind::Lstm);
    let [input, weight_ih, weight_hh, ..] = case.arguments();
    let mut output = vec![0.0; 33 * 9 * 37];
    let mut run = |lengths: &[usize], input: &[f32]| {
        let recurrence = Recurrence {
            shape: case.shape,
            lengths: Some(lengths),
            is_reversed: false,
        };
        let weights = RecurrentWeights {
            input: &weight_ih,
            hidden: &weight_hh,
            input_bias: None,
            hidden_bias: None,
        };
        lstm::forward(&recurrence, weights, input, None, &mut output).is_ok()
    };
    assert!(run(&[9; 33], &input));
    assert!(!run(&[9; 32], &input));
    assert!(!run(&[10; 33], &input));
    assert!(!run(&[9; 33], &input[1..]));
}

/// Eighths that depend on their place and on a number.
fn eighths(count: usize, offset: usize) -> Vec<f32> {
    (0..count)
        .map(|place| ((place * 7 + offset) % 11) as f32 / 8.0 - 0.625)
        .collect()
}

/// What PyTorch 2.15 gives for a packed batch of lengths 3 and 2 in both directions: the output of each, the
/// gradient by the input, that by `weight_hh` of the one and by `weight_ih` and `bias_hh` of the other.
struct Golden {
    kind: Kind,
    outputs: [[f32; 12]; 2],
    by_input: [f32; 12],
    by_weight_hh: &'static [f32],
    by_weight_ih_reverse: &'static [f32],
    by_bias_hh_reverse: &'static [f32],
}

const GOLDEN: [Golden; 2] = [
    Golden {
        kind: Kind::Lstm,
        outputs: [
            [
                0.076_863_49,
                0.138_583_06,
                0.137_216_67,
                0.098_668_9,
                0.153_805_92,
                0.023_898_318,
                0.109_996_23,
                -0.058_273_1,
                0.155_572_69,
                0.104_849_81,
                0.0,
                0.0,
            ],
            [
                0.109_105_61,
                -0.231_386_35,
                0.097_518_77,
                -0.210_291_45,
                0.080_806_62,
                -0.024_910_055,
                0.101_284_02,
                0.039_840_437,
                0.068_433,
                -0.215_229_08,
                0.0,
                0.0,
            ],
        ],
        by_input: [
            -0.001_475_769_2,
            0.050_735_125,
            0.036_574_837,
            -0.142_665_46,
            0.008_126_583,
            0.065_989_16,
            0.055_529_27,
            -0.200_257_78,
            0.012_381_789,
            0.042_658_55,
            0.0,
            0.0,
        ],
        by_weight_hh: &[
            0.001_285_129_5,
            -0.002_758_131_4,
            3.034_582_7e-7,
            0.001_534_066_5,
            0.001_149_678_2,
            -0.001_114_910_9,
            0.000_163_746_36,
            0.000_806_282_6,
            0.001_039_562_3,
            -0.003_153_365_8,
            -0.009_127_03,
            0.007_350_018_7,
            0.004_785_695,
            -0.005_721_204_3,
            0.000_416_165_44,
            0.002_112_675_8,
        ],
        by_weight_ih_reverse: &[
            -0.029_692_155,
            0.011_812_13,
            0.015_521_181,
            -0.005_130_963_6,
            0.001_153_771,
            -0.006_647_12,
            -0.003_183_703_2,
            0.010_769_455,
            -0.018_861_435,
            0.002_471_222_3,
            -0.026_513_797,
            -0.120_450_98,
            -0.022_968_98,
            0.003_242_288_4,
            0.017_196_447,
            -0.000_136_653_4,
        ],
        by_bias_hh_reverse: &[
            0.039_723_94,
            0.011_298_603,
            0.015_601_781,
            0.021_381_572,
            0.031_698_702,
            -0.286_831_85,
            0.026_250_463,
            0.001_815_409_3,
        ],
    },
    Golden {
        kind: Kind::Gru,
        outputs: [
            [
                0.167_523_08,
                0.207_264_08,
                0.291_622_84,
                0.138_520_43,
                0.526_072,
                -0.022_293_545,
                0.386_591_1,
                -0.170_788_22,
                0.383_049,
                0.171_115_22,
                0.0,
                0.0,
            ],
            [
                0.183_810_04,
                -0.442_594_82,
                0.202_501_4,
                -0.336_564_24,
                0.369_394_5,
                -0.027_471_303,
                0.348_017_4,
                0.127_222_82,
                0.091_363_17,
                -0.394_570_43,
                0.0,
                0.0,
            ],
        ],
        by_input: [
            -0.100_408_75,
            0.133_878_23,
            0.075_794_8,
            -0.355_093,
            -0.169_360_23,
            0.269_863_9,
            0.148_712,
            -0.417_559_96,
            0.087_698_53,
            0.113_056_35,
            0.0,
            0.0,
        ],
        by_weight_hh: &[
            0.002_506_664_5,
            -0.004_504_474,
            -0.002_646_802_3,
            0.000_861_021_04,
            -0.004_236_780_5,
            0.001_507_376_4,
            0.003_617_575_8,
            -0.001_489_673,
            0.011_667_917,
            -0.011_258_447,
            -0.025_245_128,
            0.017_872_46,
        ],
        by_weight_ih_reverse: &[
            -0.010_482_182,
            0.008_137_407,
            0.006_475_398,
            -0.004_923_646,
            0.075_528_5,
            -0.041_187_1,
            -0.032_933_15,
            0.032_118_69,
            -0.142_710_72,
            0.038_823_96,
            -0.047_973_99,
            -0.228_354_8,
        ],
        by_bias_hh_reverse: &[
            0.001_532_214_3,
            -0.002_009_645_6,
            -0.066_350_96,
            0.030_636_91,
            0.039_389_15,
            -0.319_610_12,
        ],
    },
];

#[test]
fn numbers_of_pytorch() {
    crate::prepare();
    let shape = RecurrentShape {
        batch: 2,
        time: 3,
        features: 2,
        hidden: 2,
    };
    let close = |what: &str, actual: &[f32], expected: &[f32]| {
        assert_eq!(actual.len(), expected.len(), "{what}");
        for (actual, expected) in actual.iter().zip(expected) {
            let error = (actual - expected).abs();
            assert!(error < 1e-6, "{what}: {actual:?} is not {expected:?}");
        }
    };
    for golden in GOLDEN {
        let kind = golden.kind;
        let mut by_input = vec![0.0; 12];
        for is_reversed in [false, true] {
            let rows = if kind == Kind::Lstm { 8 } else { 6 };
            let offset = if is_reversed { 20 } else { 0 };
            let arguments = [
                eighths(12, 5),
                eighths(rows * 2, 1 + offset),
                eighths(rows * 2, 2 + offset),
                eighths(rows, 3 + offset),
                eighths(rows, 4 + offset),
                Vec::new(),
                Vec::new(),
            ];
            // Both directions' outputs are side by side.
            let slopes = eighths(24, 6);
            let half = slopes
                .chunks(4)
                .flat_map(|row| if is_reversed { &row[2..] } else { &row[..2] });
            let slopes = [half.copied().collect(), vec![0.0; 4], vec![0.0; 4]];
            let case = Case {
                kind,
                shape,
                is_reversed,
                is_ragged: true,
                has_first: false,
            };
            let ([output, ..], gradients) = case.run_with(&[3, 2], &arguments, &slopes);
            close("output", &output, &golden.outputs[usize::from(is_reversed)]);
            for (sum, value) in by_input.iter_mut().zip(&gradients[0]) {
                *sum += value;
            }
            if is_reversed {
                close(
                    "weight_ih_reverse",
                    &gradients[1],
                    golden.by_weight_ih_reverse,
                );
                close("bias_hh_reverse", &gradients[4], golden.by_bias_hh_reverse);
            } else {
                close("weight_hh", &gradients[2], golden.by_weight_hh);
            }
        }
        close("input", &by_input, &golden.by_input);
    }
}
