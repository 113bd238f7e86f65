//! Kernels compile in this crate, once for each number type, whoever calls them.

/// The end of a public function that is generic over `F: Real`: runs the closure's body as a function of f32 or of f64, whichever F is.
/// As a static holds each of the two, it is compiled here. Else every program and every test would compile each kernel that it
/// calls once more, at all levels of SIMD.
///
/// The closure has the function's arguments, which are `mut` inside, with their types, and captures nothing. What is to panic at the
/// caller's line stands before it.
macro_rules! compile_once {
    (|$($argument:ident: $type:ty),* $(,)?| $body:expr) => {{
        #[allow(unused_mut)]
        fn kernel<F: chainrule_core::Real>($(mut $argument: $type),*) {
            $body
        }
        type Kernel<F> = fn($($type),*);
        #[cfg(not(test))]
        static SINGLE: Kernel<f32> = kernel::<f32>;
        #[cfg(not(test))]
        static DOUBLE: Kernel<f64> = kernel::<f64>;
        // Unit tests call few kernels, and a static compiles what nobody calls.
        #[cfg(test)]
        const SINGLE: Kernel<f32> = kernel::<f32>;
        #[cfg(test)]
        const DOUBLE: Kernel<f64> = kernel::<f64>;
        let kernel = match F::PRECISION {
            // SAFETY: F is f32, so it is the same type.
            chainrule_core::Precision::Single => unsafe {
                std::mem::transmute::<Kernel<f32>, Kernel<F>>(SINGLE)
            },
            // SAFETY: F is f64, so it is the same type.
            chainrule_core::Precision::Double => unsafe {
                std::mem::transmute::<Kernel<f64>, Kernel<F>>(DOUBLE)
            },
        };
        kernel($($argument),*);
    }};
}

pub(crate) use compile_once;
