//! Futures that are kilobytes large, kept off the stack.
//!
//! A call of the SDK is one. Each function on the way to where it is waited for would hold it, some of them twice: a tenth of the
//! process's own memory was stack that nothing but such copies had touched.

use std::pin::Pin;

/// Makes a future on the heap. It is not inlined, so that the future's first place is in a frame that ends here.
#[inline(never)]
pub fn on_heap<Made>(make: impl FnOnce() -> Made) -> Pin<Box<Made>> {
    Box::pin(make())
}
