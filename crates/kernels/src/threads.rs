use chainrule_core::Error;

/// A rayon pool of `threads` threads; 0 stands for one per core.
///
/// # Errors
/// [`Error::Threads`] if the operating system does not give them.
pub fn pool(threads: usize) -> Result<rayon::ThreadPool, Error> {
    rayon::ThreadPoolBuilder::new()
        .num_threads(threads)
        .thread_name(|i| format!("chainrule-{i}"))
        .build()
        .map_err(|source| Error::Threads { count: threads, source: Box::new(source) })
}
