// The ways in which Rust calls: closures, traits, generic functions, threads, panics that unwind.
use std::collections::HashMap;
use std::os::raw::{c_int, c_void};
use std::panic;

extern "C" {
    fn mmap(at: *mut c_void, len: usize, prot: c_int, flags: c_int, fd: c_int, offset: i64) -> *mut c_void;
    fn munmap(at: *mut c_void, len: usize) -> c_int;
}

const fn mark_bytes(n: usize) -> usize {
    4096 * (4096 + n)
}

// What the compiler cannot know.
fn unknown(n: usize) -> usize {
    unsafe { std::ptr::read_volatile(&n) }
}

#[inline(never)]
fn mark(n: usize) {
    // PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE
    let len = mark_bytes(n);
    let at = unsafe { mmap(std::ptr::null_mut(), len, 1, 0x4022, -1, 0) };
    assert!(at as isize != -1);
    unsafe { munmap(at, len) };
}

trait Work {
    fn work(&self, n: usize) -> usize;
}

struct Small(usize);
struct Large([usize; 100]);

impl Work for Small {
    #[inline(never)]
    fn work(&self, n: usize) -> usize {
        mark(n);
        unknown(self.0 + n)
    }
}

impl Work for Large {
    #[inline(never)]
    fn work(&self, n: usize) -> usize {
        mark(n);
        unknown(self.0[n])
    }
}

#[inline(never)]
fn generic<T: Work>(value: &T, n: usize) -> usize {
    unknown(value.work(n) + 1)
}

#[inline(never)]
fn call(function: &dyn Fn(usize) -> usize, n: usize) -> usize {
    unknown(function(n) + 1)
}

struct Guard(usize);

impl Drop for Guard {
    #[inline(never)]
    fn drop(&mut self) {
        mark(self.0);
        unknown(self.0);
    }
}

#[inline(never)]
fn panics(n: usize) -> usize {
    let guard = Guard(n);
    if unknown(n) > 0 {
        panic!("wanted");
    }
    unknown(guard.0)
}

mod inner {
    pub mod innermost {
        #[inline(never)]
        pub fn deep(n: usize) -> usize {
            crate::mark(n);
            crate::unknown(n + 1)
        }
    }
}

fn main() {
    let works: Vec<Box<dyn Work>> = vec![Box::new(Small(1)), Box::new(Large([2; 100]))];
    let mut total = 0;
    for (n, work) in works.iter().enumerate() {
        total += work.work(unknown(n));
    }
    total += generic(&Small(3), unknown(2));
    total += generic(&Large([4; 100]), unknown(3));
    let added = unknown(4);
    total += call(&|n| { mark(n + added); unknown(n) }, 0);
    total += (5..7).map(|n| { mark(n); unknown(n) }).sum::<usize>();
    total += inner::innermost::deep(unknown(7));

    panic::set_hook(Box::new(|_| mark(8)));
    total += panic::catch_unwind(|| panics(unknown(9))).unwrap_or(1);

    let mut bytes: Vec<u8> = Vec::with_capacity(unknown(mark_bytes(10) - 64));
    bytes.resize(mark_bytes(11) - 64, 1);
    let mut map = HashMap::new();
    for n in 0..unknown(5000) {
        map.insert(n, n.to_string());
    }
    total += std::thread::Builder::new()
        .name("worker-12".to_string())
        .spawn(move || { mark(unknown(12)); unknown(12) })
        .unwrap()
        .join()
        .unwrap();
    std::process::exit((total + map.len() + bytes.len() == 0) as i32);
}
