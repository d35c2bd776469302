// Random input for every part that reads octets of others, steered by coverage (libFuzzer). `make fuzz` runs it; see
// Scripts/fuzz.
//
//     FUZZ_TARGET=imap mailproxy-fuzz …       feeds that target; arguments are libFuzzer's
//     mailproxy-fuzz targets                  names, greatest lengths, and the invariants
//     mailproxy-fuzz seeds TRANSCRIPTS CASES CORPUS  first inputs, a folder for each target

import Glibc

@_silgen_name("LLVMFuzzerRunDriver")
private func runDriver(
    _ count: UnsafeMutablePointer<CInt>,
    _ arguments: UnsafeMutablePointer<UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>?>,
    _ body: @convention(c) (UnsafePointer<UInt8>?, Int) -> CInt
) -> CInt

@main
struct Main {
    /// What FUZZ_TARGET names. A C function can't capture it.
    private static let target = FuzzTarget.all.first { $0.name == variable("FUZZ_TARGET") }

    static func main() {
        let arguments = CommandLine.arguments
        switch arguments.dropFirst().first {
        case "targets":
            for target in FuzzTarget.all {
                print("\(target.name)\t\(target.longest)\t\(target.words)\t\(target.invariant)")
            }
        case "seeds" where arguments.count == 5:
            Seeds(transcripts: arguments[2], cases: arguments[3], corpus: arguments[4]).write()
        default: fuzz()
        }
    }

    private static func fuzz() {
        guard target != nil else {
            let names = FuzzTarget.all.map(\.name).joined(separator: ", ")
            complain("FUZZ_TARGET must be one of: \(names)")
            exit(2)
        }
        var count = CommandLine.argc
        var arguments: UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>? = CommandLine.unsafeArgv
        exit(
            runDriver(&count, &arguments) { octets, count in
                Main.target?.run(Array(UnsafeBufferPointer(start: octets, count: count)))
                return 0
            })
    }

    private static func variable(_ name: String) -> String { getenv(name).map { String(cString: $0) } ?? "" }
}

/// A line on standard error.
func complain(_ text: String) {
    let line = Array((text + "\n").utf8)
    _ = write(STDERR_FILENO, line, line.count)
}

/// The invariant of a target is broken: libFuzzer keeps the input.
func broken(_ what: String) -> Never {
    complain("BROKEN: " + what)
    abort()
}

/// Ends the run when something that must be so is not.
func must(_ holds: Bool, _ what: @autoclosure () -> String) {
    if !holds { broken(what()) }
}
