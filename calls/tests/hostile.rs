//! Whatever a trace says of a call, its text has no control character, is of bounded length and nothing panics.

use proptest::prelude::*;
use trapline_calls::text::{Occurrence, Style};
use trapline_calls::{fetches, numbers};
use trapline_trace_format::event::{Abi, Pointed};

/// What of a traced program may be anything.
fn pointed() -> impl Strategy<Value = Pointed> {
    let bytes = prop::collection::vec(any::<u8>(), 0..300);
    let length = prop_oneof![0_u64..400, any::<u64>()];
    (0_u8..8, 0_u32..6, length, bytes).prop_map(|(argument, part, length, bytes)| Pointed {
        argument,
        part,
        length,
        bytes,
    })
}

/// Small numbers are commands, counts and flags.
fn argument() -> impl Strategy<Value = u64> {
    prop_oneof![0_u64..64, any::<u64>(), any::<u32>().prop_map(u64::from)]
}

fn result() -> impl Strategy<Value = Option<i64>> {
    prop::option::of(prop_oneof![-600_i64..600, any::<i64>()])
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn every_call_with_anything_in_it_has_a_harmless_text(
        arguments in prop::array::uniform6(argument()),
        given in prop::collection::vec(pointed(), 0..12),
        got in prop::collection::vec(pointed(), 0..12),
        result in result(),
        string_bytes in prop_oneof![Just(32_usize), Just(0), Just(usize::MAX)],
    ) {
        let style = Style { string_bytes };
        for abi in Abi::ALL {
            for number in numbers(abi).chain([-1, i32::MIN, i32::MAX]) {
                let call = Occurrence { abi, number, arguments, given: &given, got: &got, result };
                let all = [call.beginning(style), call.end(style), call.outcome(style)];
                for text in all {
                    prop_assert!(text.bytes().all(|byte| (b' '..=b'~').contains(&byte)), "{text:?}");
                    prop_assert!(text.len() < 100_000);
                }
                let plan = fetches(abi, number, &arguments);
                prop_assert!(plan.iter().all(|fetch| fetch.argument < 6));
            }
        }
    }
}
