use chainrule_core::Error;

/// Threads, at most, on a machine of no more cores: more would do nothing but look for work.
const MOST: usize = 1024;

/// A rayon pool of `threads` threads, at most 1,024 or one per core; 0 stands for one per core.
///
/// # Errors
/// [`Error::Setting`] for more; [`Error::Threads`] if the operating system does not give them.
pub fn pool(threads: usize) -> Result<rayon::ThreadPool, Error> {
    if threads > MOST && threads > std::thread::available_parallelism().map_or(0, |cores| cores.get()) {
        let expected = "at most 1024, or the machine's cores";
        return Err(Error::Setting { name: "threads", expected, value: threads as f64 });
    }
    rayon::ThreadPoolBuilder::new()
        .num_threads(threads)
        .thread_name(|i| format!("chainrule-{i}"))
        .build()
        .map_err(|source| Error::Threads { count: threads, source: Box::new(source) })
}
