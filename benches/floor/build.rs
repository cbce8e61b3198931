//! Links it for a fixed address, as the function is linked: what is compared shall differ in nothing but the work.

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    if std::env::var("PROFILE").is_ok_and(|profile| profile == "release")
        && std::env::var("CARGO_CFG_TARGET_OS").is_ok_and(|system| system == "linux")
        && std::env::var("CARGO_CFG_TARGET_ENV").is_ok_and(|library| library == "gnu")
    {
        println!("cargo::rustc-link-arg-bins=-no-pie");
    }
}
