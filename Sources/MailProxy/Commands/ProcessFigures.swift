// Figures of the process itself, under the names that Prometheus has for them in all programs.

import Glibc
import MailRecording
import MailRuntime

/// What the system tells of this process.
struct ProcessFigures: Sendable {
    private let start = Double(Clock.now()) / 1_000_000

    func write(to page: inout MetricsPage) {
        page.begin("mailproxy_build_info", .gauge, "Always 1; the version is its label.")
        page.sample(1, [("version", Defaults.version)])
        page.begin("process_start_time_seconds", .gauge, "When the process began, in seconds of Unix time.")
        page.sample(start)
        var usage = rusage()
        if getrusage(__rusage_who_t(RUSAGE_SELF.rawValue), &usage) == 0 {
            let seconds = [usage.ru_utime, usage.ru_stime].reduce(0.0) {
                $0 + Double($1.tv_sec) + Double($1.tv_usec) / 1_000_000
            }
            page.begin("process_cpu_seconds_total", .counter, "Processor time that was used, in seconds.")
            page.sample(seconds)
        }
        if let pages = Self.residentPages {
            page.begin("process_resident_memory_bytes", .gauge, "Memory that is resident, in octets.")
            page.sample(pages * Int(sysconf(Int32(_SC_PAGESIZE))))
        }
        if let count = Self.descriptors {
            page.begin("process_open_fds", .gauge, "Descriptors that are open.")
            page.sample(count)
        }
        var limit = rlimit()
        if getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit) == 0, limit.rlim_cur <= UInt64(Int.max) {
            page.begin("process_max_fds", .gauge, "Descriptors that may be open.")
            page.sample(Int(limit.rlim_cur))
        }
    }

    private static var residentPages: Int? {
        guard let text = try? TextFile.read("/proc/self/statm", what: "figures of the process") else { return nil }
        let words = text.split(separator: " ")
        return words.count > 1 ? Int(words[1]) : nil
    }

    private static var descriptors: Int? {
        guard let folder = opendir("/proc/self/fd") else { return nil }
        defer { closedir(folder) }
        var count = -3  // ".", ".." and the folder's own
        while readdir(folder) != nil { count += 1 }
        return max(0, count)
    }
}
