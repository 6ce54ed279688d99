//! Circles among managers.

/// The members of each circle in a graph where every node has at most one manager.
///
/// Nodes that merely lead into a circle are no members of it. Linear in time and without recursion: a chain of a
/// million managers must not exhaust the stack.
pub(super) fn cycles(managers: &[Option<usize>]) -> Vec<Vec<usize>> {
    const UNSEEN: usize = usize::MAX;
    // The walk, named by its start, that reached a node first.
    let mut reached_by = vec![UNSEEN; managers.len()];
    let mut found = Vec::new();
    for start in 0..managers.len() {
        let mut current = start;
        let meeting = loop {
            if reached_by[current] != UNSEEN {
                break Some(current);
            }
            reached_by[current] = start;
            match managers[current] {
                Some(manager) => current = manager,
                None => break None,
            }
        };
        // A node reached by an earlier walk has been judged by it; one reached by this walk closes a circle.
        let Some(first) = meeting.filter(|node| reached_by[*node] == start) else { continue };
        let mut members = vec![first];
        let mut next = managers[first];
        while let Some(node) = next.filter(|node| *node != first) {
            members.push(node);
            next = managers[node];
        }
        found.push(members);
    }
    found
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn circles_of_one_two_and_more_are_found() {
        assert_eq!(cycles(&[Some(0)]), [[0]]);
        assert_eq!(cycles(&[Some(1), Some(0), Some(0)]), [[0, 1]]);
        assert_eq!(cycles(&[Some(1), Some(2), Some(3), Some(1), None]), [[1, 2, 3]]);
        assert_eq!(cycles(&[Some(1), Some(0), Some(3), Some(2)]).len(), 2);
        assert!(cycles(&[Some(1), Some(2), None, Some(1)]).is_empty());
    }

    #[test]
    fn a_chain_of_a_million_is_no_trouble() {
        const LENGTH: usize = 1_000_000;
        let mut managers: Vec<Option<usize>> = (1..LENGTH).map(Some).collect();
        managers.push(None);
        assert!(cycles(&managers).is_empty());
        managers[LENGTH - 1] = Some(0);
        assert_eq!(cycles(&managers)[0].len(), LENGTH);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn forests_pass(picks in prop::collection::vec(any::<prop::sample::Index>(), 1..60)) {
            let managers: Vec<Option<usize>> = picks
                .iter()
                .enumerate()
                .map(|(node, pick)| Some(pick.index(node + 1)).filter(|manager| *manager < node))
                .collect();
            prop_assert!(cycles(&managers).is_empty());
        }

        #[test]
        fn a_circle_of_any_length_is_found_behind_any_chain(
            length in 1_usize..50,
            tail in 0_usize..50,
            forest in 0_usize..20,
        ) {
            let mut managers = vec![None; forest];
            let members: Vec<usize> = (0..length).map(|step| forest + step).collect();
            managers.extend((0..length).map(|step| Some(forest + (step + 1) % length)));
            managers.extend((0..tail).map(|step| Some(forest + length + step - 1)));
            let mut found = cycles(&managers);
            prop_assert_eq!(found.len(), 1);
            found[0].sort_unstable();
            prop_assert_eq!(&found[0], &members);
        }
    }
}
