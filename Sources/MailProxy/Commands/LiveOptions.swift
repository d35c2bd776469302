// What may be said of a live capture, and the rights that it is to have.

import ArgumentParser
import CLinux
import Glibc
import MailCapture
import MailRecording

/// Options of `mailproxy capture -i`.
struct LiveOptions: ParsableArguments {
    @Option(help: "Octets of a packet that are kept; what is cut off is a gap in its session.") var snaplen: Int32?
    @Option(
        help: ArgumentHelp(
            "Octets that the kernel keeps while we are busy: '256M'. 64M hold half a second of 1 Gbit/s.",
            valueName: "size"))
    var buffer: ByteCount?
    @Flag(help: "Take packets as they come instead of in blocks: sooner, at more cost a packet.") var immediate = false
    @Flag(help: "Do not switch the interface to promiscuous mode.") var noPromiscuous = false
    @Option(help: ArgumentHelp("End after so many seconds.", valueName: "seconds")) var duration: Double?
    @Option(help: ArgumentHelp("End after so many packets.", valueName: "packets")) var count: Int?
    @Option(
        help: ArgumentHelp(
            "Become this user once the interface or file is open: 'NAME' or 'NAME:GROUP'.", valueName: "user"))
    var user: String?

    /// What is wrong with them, before anything is opened.
    func check(isFile: Bool) throws {
        // The headers of Ethernet, IPv4 and TCP alone are 54 octets.
        if let snaplen, snaplen < 64 || snaplen > 262_144 {
            throw CLIError.usage(
                "--snaplen \(snaplen): from 64 to 262144 octets; with less there is nothing but headers")
        }
        if let buffer, buffer.octets < 64 << 10 || buffer.octets > Int(Int32.max) {
            throw CLIError.usage("--buffer: from 64K to 2047M")
        }
        if let duration, !(duration > 0 && duration < 1e9) {
            throw CLIError.usage("--duration: a number of seconds above 0")
        }
        if let count, count < 1 { throw CLIError.usage("--count: a number of packets above 0") }
        guard isFile else { return }
        let said: [(Bool, String)] = [
            (snaplen != nil, "--snaplen"), (buffer != nil, "--buffer"), (immediate, "--immediate"),
            (noPromiscuous, "--no-promiscuous"), (duration != nil, "--duration"), (count != nil, "--count"),
        ]
        if let name = said.first(where: \.0)?.1 {
            throw CLIError.usage("\(name) is for live captures (-i); a file is read as it is")
        }
    }

    func options(isAny: Bool) -> LiveCapture.Options {
        var options = LiveCapture.Options()
        if let snaplen { options.snapLength = snaplen }
        if let buffer { options.bufferSize = Int32(clamping: buffer.octets) }
        options.isImmediate = immediate
        // There is no such mode of all interfaces together.
        options.isPromiscuous = !noPromiscuous && !isAny
        return options
    }

    /// Opens an interface.
    /// - Parameter bpf: packets that are wanted; nil for all that may hold mail.
    func open(_ name: String, _ bpf: String?) throws -> LiveCapture {
        var options = options(isAny: name == "any")
        options.filter = bpf ?? CaptureFilter.usual
        do throws(CaptureError) {
            do throws(CaptureError) { return try LiveCapture(interface: name, options: options) } catch {
                // There are link types for which libpcap does not take all of our own filter.
                guard bpf == nil, error.code == .badFilter else { throw error }
                options.filter = ""
                return try LiveCapture(interface: name, options: options)
            }
        } catch {
            switch error.code {
            case .noSuchDevice, .badFilter, .deviceDown: throw CLIError.usage(error.text)
            case .noPermission, .unreadable, .badFormat, .failed: throw CLIError.fault(error.text)
            }
        }
    }

    /// Gives up all rights but those that recording needs. Before there are other threads.
    func drop() throws {
        if let user {
            let privileges = try Privileges(user)
            if geteuid() == 0 { setenv("HOME", privileges.home, 1) }
            try privileges.drop()
            guard mp_limit_capabilities(0) == 0 else {
                throw CLIError.fault("cannot give up capabilities: \(String(cString: strerror(errno)))")
            }
        } else {
            // Root may still record into the directory of another user (CAP_DAC_OVERRIDE); everybody else needs nothing.
            let kept: UInt32 = geteuid() == 0 ? 1 << 1 : 0
            guard mp_limit_capabilities(kept) == 0 else {
                throw CLIError.fault("cannot give up capabilities: \(String(cString: strerror(errno)))")
            }
        }
    }
}

/// Says what a live capture loses, when it became more.
struct LossNotice {
    private var told = 0

    mutating func tell(_ statistics: CaptureStatistics) {
        guard statistics.lost > told else { return }
        let new = Figures.count(statistics.lost - told, "packet")
        told = statistics.lost
        Console.error(
            "\(new) dropped (\(Figures.grouped(statistics.dropped)) by the kernel, \(Figures.grouped(statistics.interfaceDropped)) by the interface since the start); a larger --buffer or a narrower --bpf helps"
        )
    }
}

/// A number of octets, with K, M or G for powers of 1,024.
struct ByteCount: ExpressibleByArgument {
    let octets: Int

    init?(argument: String) {
        var digits = argument[...]
        var shift = 0
        switch argument.last {
        case "K", "k": shift = 10
        case "M", "m": shift = 20
        case "G", "g": shift = 30
        case .some, nil: break
        }
        if shift > 0 { digits = digits.dropLast() }
        guard let number = Int(digits), number >= 0, number <= Int.max >> 31 else { return nil }
        octets = number << shift
    }
}
