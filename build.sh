#!/usr/bin/env bash
# Sets up, builds, tests and shows linear-attention-wasm; `./build.sh` alone says how.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"

usage() {
  cat <<'TEXT'
Usage: ./build.sh <command>

  setup [--browsers]   install what is missing: Emscripten, npm packages (and test browsers)
  build [--quiet] [--debug] [name ...]
                       compile src/ to web/dist/ and print the sizes: everything, or the builds named out of
                       simd, scalar, simd-threads, relaxed and relaxed-threads, and with gradients learn, learn-scalar,
                       learn-threads, learn-relaxed and learn-relaxed-threads; --debug compiles them to .cache/debug/
                       instead, with the names of functions and the asserts
  demo [vite options]  build, then serve the demo page
  test [name ...]      build, then run all tests, or the files and suites of that name; the browsers
                       are needed only by the files in tests/browser/
  lint                 clang-tidy and cppcheck on src/
  fuzz [options]       random calls against the oracle; with --native first, the C core under sanitizers
  engines [options]    the suites and their bits on this Node, Node 22 and 24, Bun, Deno, Chromium and Firefox
  mutate [word ...]    build with one line changed at a time, and see that the tests notice (see --help)
  bench [options]      build, then run the benchmarks (bench digits: of the digit models; bench gradients: of
                       what training costs; bench peers: against other libraries, installed for it alone)
  packages [name ...]  build and run a small app with each bundler, framework and runtime, and compare the
                       table with README.md (--readme writes it there)
  segments [options]   cut one sequence over processes, by BullMQ on a Redis, or over Web Workers (see --help)
  clean                remove everything that the commands above made in this folder

Needs Node 20.19, 22.12 or newer. Emscripten and the browsers are taken from PATH, else installed
with apt-get; so is clang 19 where Emscripten is too old for relaxed SIMD. Environment:

  EMSDK           an emsdk folder whose emcc is used when none is on PATH
  CHROMIUM_PATH   the Chromium or Chrome that the tests drive
  FIREFOX_PATH    the Firefox that the tests drive
TEXT
}

dist=web/dist
stamps=.cache
builds=(simd scalar simd-threads relaxed relaxed-threads)
learn_builds=(learn learn-scalar learn-threads learn-relaxed learn-relaxed-threads) # the same with src/learn/
shipped=(simd relaxed simd-threads relaxed-threads learn learn-relaxed learn-threads learn-relaxed-threads) # modules in the package
gzip_limit=52000 # bytes of each of them after gzip -9; beyond it the build fails
learn_gzip_limit=100000
quiet=false
debug=false
into=$dist # where builds go

# Debian's Emscripten keeps acorn there, and stops with "Cannot find module 'acorn'" without it.
export NODE_PATH="/usr/share/nodejs${NODE_PATH:+:$NODE_PATH}"

# Messages go to stderr, so that `npm pack --json`, which builds first, keeps its stdout to itself.
say() { printf '%s\n' "$*" >&2; }

die() {
  say "build.sh: $1"
  shift
  for line in "$@"; do say "  $line"; done
  exit 1
}

check_node() {
  if ! command -v node >/dev/null || ! command -v npm >/dev/null; then
    die "Node.js and npm are needed and not on PATH; install Node 22 or newer from https://nodejs.org"
  fi
  local major minor
  IFS=. read -r major minor _ < <(node -p process.versions.node)
  # The oldest versions that Vite runs on.
  if ((major < 20 || (major == 20 && minor < 19) || major == 21 || (major == 22 && minor < 12))); then
    die "Node $(node --version) is too old: 20.19, 22.12 or newer is needed (https://nodejs.org)"
  fi
}

# apt_install WHAT PACKAGE...: installs the packages, or stops with the command to type.
apt_install() {
  local what=$1 node log=$stamps/apt.log
  shift
  local command="apt-get update && sudo apt-get install -y --no-install-recommends $*"
  node=$(command -v node)
  command -v apt-get >/dev/null || die "$what is missing and there is no apt-get here; install it and put it on PATH"

  local -a as_root=()
  if ((EUID != 0)); then
    if command -v sudo >/dev/null && sudo -n true 2>/dev/null; then
      as_root=(sudo -n)
    elif command -v sudo >/dev/null && [[ -t 0 ]]; then
      as_root=(sudo)
    else
      die "$what is missing; install it with:" "sudo $command"
    fi
  fi

  say "Installing $what with apt-get ..."
  mkdir -p "$stamps"
  local -a apt=("${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get)
  if ! { "${apt[@]}" update && "${apt[@]}" install -y --no-install-recommends "$@"; } </dev/null >"$log" 2>&1; then
    tail -n 20 "$log" >&2
    die "apt-get failed; the whole log is $log. By hand:" "sudo $command"
  fi
  # The packages may bring Debian's own, older Node: the one that was checked must stay first, and npm's tools before it.
  hash -r
  [[ $(command -v node) == "$node" ]] || PATH="$(dirname "$node"):$PATH"
}

find_emscripten() {
  command -v emcc >/dev/null && return
  local root=${EMSDK:-}
  if [[ -z $root ]] && command -v emsdk >/dev/null; then root=$(dirname "$(command -v emsdk)"); fi
  [[ -n $root && -x $root/upstream/emscripten/emcc ]] || return 1
  PATH="$root/upstream/emscripten:$PATH"
}

need_emscripten() {
  find_emscripten && return
  apt_install "Emscripten (about 900 MB on disk)" emscripten
  find_emscripten || die "apt-get installed emscripten, but there is still no emcc on PATH"
}

# Emscripten with a compiler from before the standard emits opcodes that every engine refuses, and lacks this name.
emscripten_knows_relaxed() {
  mkdir -p "$stamps"
  printf '#include <wasm_simd128.h>\nv128_t f(v128_t a) { return wasm_f32x4_relaxed_madd(a, a, a); }\n' >"$stamps/relaxed.c"
  emcc -Werror -msimd128 -mrelaxed-simd -c "$stamps/relaxed.c" -o "$stamps/relaxed.o" 2>/dev/null
}

find_clang() { command -v clang-19 >/dev/null && command -v wasm-ld-19 >/dev/null; }

# Leaves `relaxed_by` saying which compiler makes the relaxed builds.
need_relaxed_compiler() {
  relaxed_by=emcc
  emscripten_knows_relaxed && return
  relaxed_by=clang
  find_clang && return
  apt_install "clang 19 for relaxed SIMD (about 260 MB on disk)" clang-19 lld-19
  find_clang || die "apt-get installed clang-19 and lld-19, but they are not on PATH"
}

need_packages() {
  local installed=node_modules/.installed-lock
  cmp -s package-lock.json "$installed" && return
  say "Installing npm packages ..."
  # No package needs its install script: esbuild's binary is an optional dependency of its own.
  npm ci --ignore-scripts --no-audit --no-fund --loglevel=error >/dev/null
  cp package-lock.json "$installed"
}

# need_beside FOLDER WHAT: npm packages of a command that has a lockfile of its own. Downloads of install scripts are for GPUs alone.
need_beside() {
  local folder=$1
  cmp -s $folder/package-lock.json $folder/node_modules/.installed-lock && return
  say "Installing $2 ..."
  npm ci --prefix $folder --ignore-scripts --no-audit --no-fund --loglevel=error >/dev/null
  cp $folder/package-lock.json $folder/node_modules/.installed-lock
}

# first_working COMMAND...: the path of the first that starts (Ubuntu's stand-ins for snaps do not).
first_working() {
  local name path
  for name in "$@"; do
    path=$(command -v "$name") && "$path" --version >/dev/null 2>&1 && printf '%s\n' "$path" && return
  done
  return 1
}

find_chromium() {
  [[ -n ${CHROMIUM_PATH:-} ]] ||
    CHROMIUM_PATH=$(first_working chromium chromium-browser google-chrome google-chrome-stable) || return 1
  export CHROMIUM_PATH
}

find_firefox() {
  [[ -n ${FIREFOX_PATH:-} ]] || FIREFOX_PATH=$(first_working firefox-esr firefox) || return 1
  export FIREFOX_PATH
}

find_native() {
  local probe=$stamps/native-probe.c
  command -v clang-14 >/dev/null && command -v clang-tidy-14 >/dev/null && command -v cppcheck >/dev/null || return 1
  mkdir -p "$stamps"
  printf '#include <simde/wasm/simd128.h>\nint LLVMFuzzerTestOneInput(const char *b, unsigned long n) { return !b || !n; }\n' >"$probe"
  clang-14 -fsanitize=fuzzer,address "$probe" -o "$probe.out" 2>/dev/null
}

# Sanitizers, libFuzzer, wasm's SIMD by native instructions, and linters: for `test`, `lint` and `fuzz` alone.
need_native() {
  find_native && return
  apt_install "clang's sanitizers, SIMDe and the linters (about 200 MB on disk)" clang-14 libclang-rt-14-dev clang-tidy-14 libsimde-dev cppcheck
  find_native || die "apt-get installed clang-14 and libsimde-dev, but clang-14 does not link a fuzzer"
}

need_browser() {
  local name=$1 variable=$2 download=$3
  shift 3
  "find_$name" && return
  # Ubuntu's browser packages only fetch snaps, whose confinement keeps test profiles out.
  if grep -q '^ID=ubuntu' /etc/os-release 2>/dev/null; then
    die "$name is missing and Ubuntu has no package of it that the tests can drive; install one with:" \
      "sudo env PATH=\"\$PATH\" npx browsers install $download --install-deps --path /opt/browsers" \
      "export $variable=\$(npx browsers install $download --path /opt/browsers --format '{{path}}')"
  fi
  apt_install "$name" "$@"
  "find_$name" || die "apt-get installed $name, but it does not start; set $variable to one that does"
}

need_browsers() {
  # Chromium alone brings no font, and draws no text without one.
  need_browser chromium CHROMIUM_PATH chrome@stable chromium fonts-dejavu-core
  need_browser firefox FIREFOX_PATH firefox@stable firefox-esr
}

setup() {
  check_node
  need_emscripten
  need_packages
  PATH="$PWD/node_modules/.bin:$PATH" # npm's wasm-opt, which package-lock.json pins, whoever calls this script
}

flags=(
  -O3
  -DNDEBUG
  -Isrc
  -Wall -Wextra -Werror
  -ffp-contract=off # no fused operations but those that simd.h names: a build rounds alike everywhere
  -fno-math-errno   # sqrtf is one instruction, not a call that may set errno
  -fno-vectorize -fno-slp-vectorize # loops that matter are in vectors already: 1.5 KB gzipped less, as fast
  -mllvm -unroll-runtime=false      # engines unroll short loops themselves: 3 KB gzipped less, as fast
)

emscripten_flags=(
  --no-entry -sSTANDALONE_WASM   # a bare module without JavaScript glue: web/core/load.js is the glue
  -sMALLOC=emmalloc              # 5 KB smaller than dlmalloc
  -sALLOW_MEMORY_GROWTH          # sizes are known only at run time
  -sMAXIMUM_MEMORY=4GB           # all that 32-bit pointers reach; the default stops at 2 GB
  '-sEXPORTED_FUNCTIONS=_malloc,_free' # the core's own functions export themselves
  -sBINARYEN_EXTRA_PASSES=one-caller-inline-max-function-size=1 # kernels stay apart: engines spill in one large function
)

# Threads without the pthread runtime, which STANDALONE_WASM refuses: web/threads/thread.js gives each a stack.
atomics=(-matomics -mbulk-memory -mmutable-globals)
shared_memory=(--shared-memory --export=__stack_pointer --export=__wasm_init_tls --export=__tls_size --export=__tls_align)
emscripten_threads=("${atomics[@]}" -sIMPORTED_MEMORY "${shared_memory[@]/#/-Wl,}")

# sources_of NAME: src/*/*.c, those of src/learn/ for the builds with gradients alone.
sources_of() {
  local source
  for source in src/*/*.c; do
    if [[ $1 == learn* || $source != src/learn/* ]]; then printf '%s\n' "$source"; fi
  done
}

# compile NAME: its sources to NAME.wasm, which appears only when complete.
compile() {
  local name=$1 partial=$into/$1.partial.wasm
  local -a sources emcc=(emcc "${flags[@]}" "${emscripten_flags[@]}" -o "$partial")
  mapfile -t sources < <(sources_of "$name")
  case $name in
    simd | learn) say "Compiling $name.wasm ..." && "${emcc[@]}" "${sources[@]}" -msimd128 ;;
    # The plain C of simd.h: the tests' second build, not shipped, so that its asserts may cost what they do.
    scalar | learn-scalar) say "Compiling $name.wasm ..." && "${emcc[@]}" "${sources[@]}" -UNDEBUG ;;
    simd-threads | learn-threads) say "Compiling $name.wasm ..." && "${emcc[@]}" "${sources[@]}" -msimd128 "${emscripten_threads[@]}" ;;
    relaxed | learn-relaxed) say "Compiling $name.wasm by $relaxed_by ..." && relaxed_module "$partial" "${sources[@]}" ;;
    relaxed-threads | learn-relaxed-threads) say "Compiling $name.wasm by $relaxed_by ..." && relaxed_module --threads "$partial" "${sources[@]}" ;;
  esac
  mv "$partial" "$into/$name.wasm"
}

# relaxed_module [--threads] OUT SOURCE...: by whichever compiler knows relaxed SIMD.
relaxed_module() {
  local out
  local -a extra=()
  if [[ $relaxed_by == clang ]]; then
    relaxed_by_clang "$@"
    return
  fi
  if [[ $1 == --threads ]]; then
    shift
    extra=("${emscripten_threads[@]}")
  fi
  out=$1
  shift
  emcc "$@" "${flags[@]}" "${emscripten_flags[@]}" -msimd128 -mrelaxed-simd "${extra[@]}" -o "$out"
}

# relaxed_by_clang [--threads] OUT SOURCE...: what emcc does with the flags above, by clang 19 on Emscripten's libraries.
relaxed_by_clang() {
  local out source folder sysroot
  local -a objects=() entry=() compiling=() linking=() names=()
  if [[ $1 == --threads ]]; then
    shift
    compiling=("${atomics[@]}")
    # Emscripten's libraries for one thread: only one calls malloc, and the rest of libc is not used.
    linking=("${shared_memory[@]}" --import-memory --no-check-features)
  fi
  out=$1
  shift
  sysroot=$(em-config CACHE)/sysroot
  folder=$(mktemp -d "$stamps/relaxed.XXXXXX")
  for source in "$@"; do
    objects+=("$folder/$(basename "$source").o")
    # Without loop strength reduction, as emcc compiles: it costs the tile a third of its rate.
    clang-19 --target=wasm32-unknown-emscripten --sysroot="$sysroot" "${flags[@]}" -mllvm -disable-lsr \
      -msimd128 -mrelaxed-simd "${compiling[@]}" -c "$source" -o "${objects[-1]}"
  done
  # Of the debug build only the names are kept: those of functions, not what libc was compiled with.
  if $debug; then names=(-g) linking+=(--strip-debug); else linking+=(--strip-all); fi
  entry=("$sysroot/lib/wasm32-emscripten/crt1_reactor.o" --entry=_initialize)
  wasm-ld-19 "${objects[@]}" "${entry[@]}" -L"$sysroot/lib/wasm32-emscripten" \
    -lstandalonewasm-memgrow -lc -lemmalloc -lcompiler_rt \
    --import-undefined --global-base=1024 --max-memory=4294967296 -z stack-size=65536 \
    "${linking[@]}" -o "$folder/linked.wasm"
  node_modules/.bin/wasm-opt -O3 "${names[@]}" --one-caller-inline-max-function-size=1 --low-memory-unused --enable-simd --enable-relaxed-simd --enable-mutable-globals \
    --enable-sign-ext --enable-bulk-memory --enable-nontrapping-float-to-int --enable-threads "$folder/linked.wasm" -o "$out"
  rm -r "$folder"
}

# Comlink with its adapter for Node, for web/worker.js: so that the package depends on nothing.
bundle_comlink() {
  printf "export * from 'comlink';\nexport { default as nodeEndpoint } from 'comlink/dist/esm/node-adapter.mjs';\n" |
    node_modules/.bin/esbuild --bundle --format=esm --minify --legal-comments=inline --log-level=warning \
      --outfile="$dist/comlink.js"
}

# The scripts of Workers, each with all that it imports: where a bundler copies one, its neighbours do not come along.
bundle_workers() {
  local script
  for script in web/worker-thread.js web/learn-worker-thread.js web/threads/thread.js; do
    node_modules/.bin/esbuild "$script" --bundle --format=esm --minify --keep-names --legal-comments=inline --log-level=warning \
      --outfile="$dist/$(basename "$script")"
  done
}

# Everything in web/dist/ is one of the builds, or made of one, or a bundle of scripts.
files_of() {
  case $1 in
    simd) echo simd.wasm inline-simd.js ;;
    comlink) echo comlink.js ;;
    workers) echo worker-thread.js learn-worker-thread.js thread.js ;;
    *) echo "$1.wasm" ;;
  esac
}

# What everything depends on, as one line: the core's sources and their names, flags (this file), Emscripten and npm's wasm-opt.
fingerprint() {
  {
    emcc --version | sed -n 1p
    cat build.sh package-lock.json
    find src -name '*.[ch]' ! -path 'src/learn*' | sort | xargs sha256sum
  } | sha256sum
}

# stamp_of NAME: what a build with this fingerprint is marked by; those with gradients depend on their sources as well, the
# relaxed ones on clang, the Workers on web/.
stamp_of() {
  printf '%s\n' "$now"
  if [[ $1 == learn* ]]; then find src -path 'src/learn*' -name '*.[ch]' | sort | xargs sha256sum; fi
  if [[ $1 == *relaxed* ]]; then clang-19 --version 2>/dev/null || true; fi
  if [[ $1 == workers ]]; then find web -name '*.js' ! -path 'web/dist/*' -print0 | sort -z | xargs -0 cat | sha256sum; fi
}

is_current() {
  local file
  for file in $(files_of "$1"); do [[ -f $dist/$file ]] || return 1; done
  [[ -f $stamps/built-$1 && $(<"$stamps/built-$1") == "$(stamp_of "$1")" ]]
}

# Prints the size of a file, and stops where it is over its limit.
report_size() {
  local file=$1 raw packed limit=$gzip_limit
  if [[ $file == learn* ]]; then limit=$learn_gzip_limit; fi
  raw=$(wc -c <"$dist/$file")
  packed=$(gzip -9 -c "$dist/$file" | wc -c)
  if [[ " ${shipped[*]/%/.wasm} " == *" $file "* ]]; then
    say "$(printf '%-30s %7d bytes %7d gzip (limit %d)' "$dist/$file" "$raw" "$packed" "$limit")"
    ((packed <= limit)) || die "$dist/$file is over its limit of $limit bytes after gzip"
  else
    say "$(printf '%-30s %7d bytes %7d gzip' "$dist/$file" "$raw" "$packed")"
  fi
}

# make_one NAME: whatever files_of says, marked as current only when all of it is there and small enough.
make_one() {
  local file stamp
  if [[ $1 == *relaxed* ]]; then need_relaxed_compiler; fi
  stamp=$(stamp_of "$1")
  rm -f "$stamps/built-$1"
  case $1 in
    comlink) bundle_comlink ;;
    workers) bundle_workers ;;
    *) compile "$1" ;;
  esac
  if [[ $1 == simd ]]; then printf 'export default "%s";\n' "$(base64 -w 0 "$dist/simd.wasm")" >"$dist/inline-simd.js"; fi
  for file in $(files_of "$1"); do report_size "$file"; done
  printf '%s\n' "$stamp" >"$stamps/built-$1"
}

# build [NAME...]: these builds, or everything, where they are not current.
# make_both NAME...: every second one beside the others, as two processors take half of the time.
make_both() {
  local at other
  (for ((at = 2; at <= $#; at += 2)); do make_one "${!at}"; done) &
  other=$!
  for ((at = 1; at <= $#; at += 2)); do make_one "${!at}"; done
  wait "$other"
}

build() {
  local now name file
  local -a modules=() scripts=()
  setup
  mkdir -p "$dist" "$stamps"
  now=$(fingerprint)
  [[ $# -gt 0 ]] || set -- "${builds[@]}" "${learn_builds[@]}" comlink workers
  for name in "$@"; do
    if ! is_current "$name"; then
      case $name in
        comlink | workers) scripts+=("$name") ;;
        *) modules+=("$name") ;;
      esac
    elif ! $quiet; then
      for file in $(files_of "$name"); do report_size "$file"; done
    fi
  done
  if [[ " ${modules[*]} " == *relaxed* ]]; then need_relaxed_compiler; fi # once, before two may ask for it
  make_both "${modules[@]}"
  for name in "${scripts[@]}"; do make_one "$name"; done
}

# build_debug [NAME...]: the same code with its names and asserts, apart from what is shipped and never taken for it.
build_debug() {
  local name
  setup
  into=$stamps/debug
  mkdir -p "$into"
  flags+=(-UNDEBUG)
  emscripten_flags+=(-g2)
  [[ $# -gt 0 ]] || set -- "${builds[@]}"
  for name in "$@"; do
    if [[ $name == *relaxed* ]]; then need_relaxed_compiler; fi
    compile "$name"
    say "$into/$name.wasm has its names and asserts"
  done
}

# Node 20 has relaxed SIMD behind a flag; later ones have no such flag.
relaxed_simd=()
if command -v node >/dev/null && [[ $(node -p 'process.versions.node.split(".")[0]') == 20 ]]; then
  relaxed_simd=(--experimental-wasm-relaxed-simd)
fi

# no_more ARGUMENT...: stops when arguments are left that a command does not have.
no_more() {
  [[ $# -eq 0 ]] && return
  say "build.sh $command: unknown argument '$1'"
  usage >&2
  exit 2
}

# help_of SCRIPT ARGUMENT...: where help is asked for it is all that happens: nothing is built for it, nor installed but npm packages.
help_of() {
  [[ " ${*:2} " == *' --help '* ]] || return 0
  check_node
  need_packages
  exec node "$@"
}

command=${1:-}
[[ $# -eq 0 ]] || shift
case $command in
  setup)
    browsers=false
    if [[ ${1:-} == --browsers ]]; then browsers=true && shift; fi
    no_more "$@"
    setup
    need_relaxed_compiler
    if $browsers; then need_browsers; fi
    ;;
  build)
    names=()
    for argument in "$@"; do
      case $argument in
        --quiet) quiet=true ;;
        --debug) debug=true ;;
        *)
          [[ " ${builds[*]} ${learn_builds[*]} " == *" $argument "* ]] || no_more "$argument"
          names+=("$argument")
          ;;
      esac
    done
    if $debug; then build_debug "${names[@]}"; else build "${names[@]}"; fi
    ;;
  demo)
    quiet=true
    build
    exec node_modules/.bin/vite demo "$@"
    ;;
  test)
    setup
    selected=$(node tests/run.js --list "$@") || exit
    if [[ $selected == *tests/browser/* ]]; then need_browsers; fi
    if [[ $selected == *tests/native.test.js* ]]; then need_native; fi
    build
    exec node tests/run.js "$@"
    ;;
  lint)
    check_node
    need_native
    exec node tests/native/lint.js "$@"
    ;;
  fuzz)
    if [[ ${1:-} == --native ]]; then
      shift
      check_node
      need_native
      exec node tests/native/fuzz.js "$@"
    fi
    help_of tests/fuzz.js "$@"
    quiet=true
    build
    exec node tests/fuzz.js "$@"
    ;;
  engines)
    help_of tests/engines/engines.js "$@"
    quiet=true
    need_browsers
    need_beside tests/engines 'Node 22 and 24, Bun and Deno (570 MB)'
    build
    exec node tests/engines/engines.js "$@"
    ;;
  parts) # NAME: for tests/mutate, of a build that emcc makes: what compiles a source, what links, the sources; a line each
    compiling=("${flags[@]}") linking=("${emscripten_flags[@]}")
    if [[ $1 != *scalar ]]; then compiling+=(-msimd128); fi
    if [[ $1 == *-threads ]]; then compiling+=("${atomics[@]}") linking+=("${emscripten_threads[@]}"); fi
    printf '%s\n' "${compiling[*]}" "${linking[*]}" "$(sources_of "$1" | paste -sd' ')"
    ;;
  workers) # for tests/mutate
    bundle_workers
    ;;
  mutate)
    quiet=true
    need_native
    build
    exec node tests/mutate/mutate.js "$@"
    ;;
  bench)
    quiet=true
    build
    need_relaxed_compiler
    emcc tests/bench/tile.c "${flags[@]}" "${emscripten_flags[@]}" -msimd128 -o "$stamps/tile-simd.wasm"
    relaxed_module "$stamps/tile-relaxed.wasm" tests/bench/tile.c
    script=bench
    case ${1:-} in
      digits | gradients) script=$1 ;;
      peers)
        [[ " $* " == *' --help '* ]] || need_beside tests/bench/peers 'the libraries to race against (500 MB)'
        script=peers/race
        ;;
    esac
    if [[ $script != bench ]]; then shift; fi
    exec node "${relaxed_simd[@]}" "tests/bench/$script.js" "$@"
    ;;
  packages)
    help_of tests/packages/run.js "$@"
    quiet=true
    build
    need_browsers
    need_beside tests/packages "the tools to build apps with (1.2 GB)"
    exec node tests/packages/run.js "$@"
    ;;
  segments)
    quiet=true
    build
    [[ " $* " =~ \ (--help|--engine[\ =]workers)\  ]] || need_beside demo/segments 'BullMQ and ioredis (16 MB)'
    exec node demo/segments.js "$@"
    ;;
  clean)
    no_more "$@"
    rm -rf "$dist" demo/dist demo/segments/node_modules node_modules tests/bench/peers/node_modules tests/engines/node_modules tests/packages/{node_modules,scratch} "$stamps"
    ;;
  '' | -h | --help) usage ;;
  *)
    say "build.sh: unknown command '$command'"
    usage >&2
    exit 2
    ;;
esac
