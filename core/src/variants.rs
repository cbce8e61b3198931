//! One macro: the list of an enum's variants, which the compiler keeps complete.

/// Gives an enum without fields its `ALL`. A variant that the list lacks does not compile.
#[macro_export]
macro_rules! list_variants {
    ($type:ident { $($variant:ident),+ $(,)? }) => {
        impl $type {
            /// Every variant, in the order in which the documentation lists them.
            pub const ALL: &'static [Self] = &[$($type::$variant),+];
        }

        const _: fn($type) = |variant| match variant {
            $($type::$variant)|+ => (),
        };
    };
}
