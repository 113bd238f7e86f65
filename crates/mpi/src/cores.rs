use mpi::collective::SystemOperation;
use mpi::traits::{Communicator, CommunicatorCollectives};
use std::{fs, thread};

/// Threads for this rank: its part of the cores that it may run on, each shared by the ranks of its host that may run there; at
/// least 1. So whether the launcher binds ranks to cores, to sockets or not at all, all ranks of a host together have a thread for each
/// core. Collective.
pub(crate) fn threads_of_rank<C: Communicator>(world: &C) -> usize {
    let host = world.split_shared(world.rank());
    let usable = thread::available_parallelism().map_or(1, usize::from);
    let mine = allowed_cores();
    // Counts by core how many ranks may run there, as far as any rank of the host knows a core.
    let mut last = 0_u32;
    let own_last = mine.iter().flatten().max().map_or(0, |&core| core + 1);
    host.all_reduce_into(&own_last, &mut last, SystemOperation::max());
    let mut own = vec![0_u32; last as usize];
    mine.iter().flatten().for_each(|&core| own[core as usize] = 1);
    let mut ranks = vec![0_u32; own.len()];
    host.all_reduce_into(&own[..], &mut ranks[..], SystemOperation::sum());
    match mine {
        // Fewer than are allowed are usable where a container has only so much time.
        Some(mine) if mine.len() == usable => share(&mine, &ranks),
        _ => (usable / host.size() as usize).max(1),
    }
}

/// Σ over the cores of 1 / ranks there, rounded down.
fn share(cores: &[u32], ranks: &[u32]) -> usize {
    let share: f64 = cores.iter().map(|&core| 1.0 / f64::from(ranks[core as usize].max(1))).sum();
    // A third of three cores is one, whatever the roundings.
    ((share + 1e-9) as usize).max(1)
}

/// The cores that this process may run on; known on Linux only.
fn allowed_cores() -> Option<Vec<u32>> {
    let status = fs::read_to_string("/proc/self/status").ok()?;
    let list = status.lines().find_map(|line| line.strip_prefix("Cpus_allowed_list:"))?;
    cores_of_list(list.trim())
}

/// "0-3,8" as 0, 1, 2, 3, 8.
fn cores_of_list(list: &str) -> Option<Vec<u32>> {
    /// More than any machine has.
    const MOST: u32 = 1 << 16;
    let mut cores = Vec::new();
    for range in list.split(',') {
        let (first, last) = range.split_once('-').unwrap_or((range, range));
        let (first, last): (u32, u32) = (first.parse().ok()?, last.parse().ok()?);
        if last >= MOST {
            return None;
        }
        cores.extend(first..=last);
    }
    Some(cores)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_of_cores() {
        assert_eq!(cores_of_list("0-3,8"), Some(vec![0, 1, 2, 3, 8]));
        assert_eq!(cores_of_list("5"), Some(vec![5]));
        assert_eq!(cores_of_list(""), None);
        assert_eq!(cores_of_list("0-4294967295"), None);
    }

    #[test]
    fn all_ranks_of_a_host_together_have_its_cores() {
        // Three ranks bound to nothing on eight cores, then two to each half, then each to two of its own.
        assert_eq!(share(&[0, 1, 2, 3, 4, 5, 6, 7], &[3; 8]), 2);
        assert_eq!(share(&[0, 1, 2, 3], &[2; 8]), 2);
        assert_eq!(share(&[6, 7], &[1; 8]), 2);
        assert_eq!(share(&[0, 1, 2], &[3; 3]), 1);
        assert_eq!(share(&[0], &[4]), 1);
    }
}
