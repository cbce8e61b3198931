//! C's `pow`, linked into the binary, so that the C library's mathematics are not loaded at each cold start.
//!
//! The SDK's client has it for a kind of retries that is not used here (adaptive ones), and nothing else does. Loading
//! libm for it took 0.3 MiB of memory, and time of every cold start.

/// C's `pow`.
///
/// See <https://docs.rs/libm/latest/libm/fn.pow.html>.
#[allow(unsafe_code, reason = "the linker looks for this name; what it does is safe")]
#[unsafe(no_mangle)]
pub extern "C" fn pow(base: f64, exponent: f64) -> f64 {
    libm::pow(base, exponent)
}
