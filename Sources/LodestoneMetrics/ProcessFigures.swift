// SPDX-License-Identifier: Apache-2.0
import LodestoneSystem

/// The figures of this process, with the names that every exporter uses.
package enum ProcessFigures {
    /// The figures now; those that the system doesn't tell are left out.
    package static var families: [MetricFamily] {
        var families: [MetricFamily] = []
        func add(_ name: String, _ help: String, _ value: Double?) {
            if let value { families.append(.gauge(name, help, value)) }
        }
        if let seconds = processorSeconds {
            families.append(
                MetricFamily(
                    "process_cpu_seconds",
                    .counter,
                    "Processor time that the process has used.",
                    [MetricFamily.Series([], .number(seconds))]
                )
            )
        }
        let memory = memoryBytes
        add("process_resident_memory_bytes", "Memory in use, resident.", memory?.resident)
        add("process_virtual_memory_bytes", "Addresses in use.", memory?.virtual)
        add("process_open_fds", "Open file descriptors.", openDescriptors)
        add("process_max_fds", "Most open file descriptors.", maxDescriptors)
        add("process_start_time_seconds", "Start of the process, since 1970.", startTime)
        return families
    }

    private static var processorSeconds: Double? {
        var usage = rusage()
        #if canImport(Glibc)
        guard getrusage(__rusage_who_t(RUSAGE_SELF.rawValue), &usage) == 0 else { return nil }
        #else
        guard getrusage(RUSAGE_SELF, &usage) == 0 else { return nil }
        #endif
        func seconds(_ time: timeval) -> Double { Double(time.tv_sec) + Double(time.tv_usec) / 1e6 }
        return seconds(usage.ru_utime) + seconds(usage.ru_stime)
    }

    private static var maxDescriptors: Double? {
        var limit = rlimit()
        #if canImport(Glibc)
        guard getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit) == 0 else {
            return nil
        }
        #else
        guard getrlimit(RLIMIT_NOFILE, &limit) == 0 else { return nil }
        #endif
        return Double(limit.rlim_cur)
    }

    /// The number of entries of a folder of descriptors, without those of this count itself.
    private static var openDescriptors: Double? {
        guard let directory = opendir("/proc/self/fd") else { return nil }
        defer { closedir(directory) }
        var count = 0
        while readdir(directory) != nil { count += 1 }
        // The names . and .. and the descriptor of the directory.
        return Double(max(0, count - 3))
    }

    private static var memoryBytes: (virtual: Double, resident: Double)? {
        guard let words = words(of: "/proc/self/statm"), words.count > 1,
            let virtual = Double(words[0]), let resident = Double(words[1])
        else { return nil }
        let page = Double(sysconf(Int32(_SC_PAGESIZE)))
        return (virtual * page, resident * page)
    }

    /// The start of this process in seconds since 1970; read once.
    private static let startTime: Double? = {
        // The name of the program, in parentheses, may have spaces.
        guard let stat = words(of: "/proc/self/stat", after: UInt8(ascii: ")")), stat.count > 19,
            let ticks = Double(stat[19])
        else { return nil }
        #if os(Linux)
        // A service may not see /proc/uptime (ProcSubset=pid of systemd).
        var boot = timespec()
        clock_gettime(CLOCK_BOOTTIME, &boot)
        let uptime = Double(boot.tv_sec) + Double(boot.tv_nsec) / 1e9
        var now = timespec()
        clock_gettime(CLOCK_REALTIME, &now)
        let age = uptime - ticks / Double(sysconf(Int32(_SC_CLK_TCK)))
        return Double(now.tv_sec) + Double(now.tv_nsec) / 1e9 - age
        #else
        return nil
        #endif
    }()

    /// The words of a short file, after the last `mark` if there is one.
    private static func words(of path: String, after mark: UInt8? = nil) -> [String]? {
        let descriptor = open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { return nil }
        defer { close(descriptor) }
        var bytes = [UInt8](repeating: 0, count: 4_096)
        let count = read(descriptor, &bytes, bytes.count)
        guard count > 0 else { return nil }
        var text = bytes[..<count]
        if let mark, let position = text.lastIndex(of: mark) { text = text[(position + 1)...] }
        return text.split { $0 == UInt8(ascii: " ") || $0 == UInt8(ascii: "\n") }
            .map { String(decoding: $0, as: UTF8.self) }
    }
}
