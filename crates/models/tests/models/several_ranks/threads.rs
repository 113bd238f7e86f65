//! Ranks that are threads of one process.

use chainrule_core::{Communicator, Error, Numbers};
use std::sync::{Arc, Condvar, Mutex};
use std::thread;
use std::time::Duration;

/// What one rank brings to a meeting.
#[derive(Clone, Debug, PartialEq)]
enum Brought {
    Single(Vec<f32>),
    Double(Vec<f64>),
    Bytes(usize, Vec<u8>),
    Nothing,
}

#[derive(Debug, Default)]
struct Table {
    /// By rank, of those who are here.
    brought: Vec<Option<Brought>>,
    /// Who have taken what they came for.
    left: usize,
}

#[derive(Debug)]
struct Room {
    table: Mutex<Table>,
    changed: Condvar,
}

/// One rank; sums add in the order of the ranks.
#[derive(Debug)]
struct Threads {
    rank: usize,
    size: usize,
    room: Arc<Room>,
}

impl Threads {
    /// Waits until all are here, each with its own. Who waits long is alone: the others came to another meeting, or ended.
    fn meet(&self, operation: &'static str, own: Brought) -> Result<Vec<Brought>, Error> {
        const LONG: Duration = Duration::from_secs(20);
        let error = |what: String| Error::Communication { operation, source: what.into() };
        let wait = |table, until: &dyn Fn(&Table) -> bool| {
            let (table, waited) =
                self.room.changed.wait_timeout_while(table, LONG, |table| !until(table)).unwrap();
            if waited.timed_out() { Err(error(format!("rank {} waits alone", self.rank))) } else { Ok(table) }
        };
        let table = self.room.table.lock().unwrap();
        let mut table = wait(table, &|table| table.brought[self.rank].is_none())?;
        table.brought[self.rank] = Some(own.clone());
        self.room.changed.notify_all();
        let mut table = wait(table, &|table| table.brought.iter().all(Option::is_some))?;
        let all: Vec<Brought> = table.brought.iter().flatten().cloned().collect();
        table.left += 1;
        if table.left == self.size {
            *table = Table { brought: vec![None; self.size], left: 0 };
            self.room.changed.notify_all();
        }
        let kind = |brought: &Brought| match brought {
            Brought::Single(numbers) => ("f32", numbers.len()),
            Brought::Double(numbers) => ("f64", numbers.len()),
            Brought::Bytes(root, bytes) => ("bytes", 1_000_000 * root + bytes.len()),
            Brought::Nothing => ("barrier", 0),
        };
        match all.iter().find(|other| kind(other) != kind(&own)) {
            Some(other) => Err(error(format!("{:?} meets {:?}", kind(&own), kind(other)))),
            None => Ok(all),
        }
    }
}

impl Communicator for Threads {
    fn rank(&self) -> usize {
        self.rank
    }

    fn size(&self) -> usize {
        self.size
    }

    fn sum(&self, numbers: Numbers) -> Result<(), Error> {
        match numbers {
            Numbers::Single(numbers) => {
                let all = self.meet("sum", Brought::Single(numbers.to_vec()))?;
                numbers.fill(0.0);
                for other in all {
                    let Brought::Single(other) = other else { unreachable!("compared") };
                    numbers.iter_mut().zip(other).for_each(|(sum, number)| *sum += number);
                }
            }
            Numbers::Double(numbers) => {
                let all = self.meet("sum", Brought::Double(numbers.to_vec()))?;
                numbers.fill(0.0);
                for other in all {
                    let Brought::Double(other) = other else { unreachable!("compared") };
                    numbers.iter_mut().zip(other).for_each(|(sum, number)| *sum += number);
                }
            }
        }
        Ok(())
    }

    fn broadcast(&self, root: usize, bytes: &mut [u8]) -> Result<(), Error> {
        let all = self.meet("broadcast", Brought::Bytes(root, bytes.to_vec()))?;
        let Brought::Bytes(_, of_root) = &all[root] else { unreachable!("compared") };
        bytes.copy_from_slice(of_root);
        Ok(())
    }

    fn barrier(&self) -> Result<(), Error> {
        self.meet("barrier", Brought::Nothing).map(drop)
    }
}

/// What each of `size` ranks comes to, each in a thread of its own.
pub(crate) fn on_ranks<R: Send>(size: usize, work: impl Fn(Arc<dyn Communicator>) -> R + Sync) -> Vec<R> {
    let table = Mutex::new(Table { brought: vec![None; size], left: 0 });
    let room = Arc::new(Room { table, changed: Condvar::new() });
    let rank = |rank| Arc::new(Threads { rank, size, room: room.clone() });
    thread::scope(|scope| {
        let work = &work;
        let ranks: Vec<_> = (0..size)
            .map(|number| {
                let rank = rank(number);
                scope.spawn(move || work(rank))
            })
            .collect();
        ranks.into_iter().map(|rank| rank.join().unwrap()).collect()
    })
}
