use chainrule_core::Error;

/// More threads than any machine has cores to pay for: so many would do nothing but look for work.
const MOST: usize = 1024;

/// A rayon pool of `threads` threads, at most 1,024; 0 stands for one per core.
///
/// # Errors
/// [`Error::Setting`] for more; [`Error::Threads`] if the operating system does not give them.
pub fn pool(threads: usize) -> Result<rayon::ThreadPool, Error> {
    if threads > MOST {
        return Err(Error::Setting { name: "threads", expected: "at most 1024", value: threads as f64 });
    }
    rayon::ThreadPoolBuilder::new()
        .num_threads(threads)
        .thread_name(|i| format!("chainrule-{i}"))
        .build()
        .map_err(|source| Error::Threads { count: threads, source: Box::new(source) })
}
