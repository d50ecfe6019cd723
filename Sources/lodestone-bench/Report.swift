// SPDX-License-Identifier: Apache-2.0
import Foundation

/// One figure with its parameters.
struct Measurement {
    var name: String
    var value: Double
    var unit: String
    /// The parameters, in the order in which they are shown.
    var parameters: [(name: String, value: Parameter)] = []

    enum Parameter {
        case number(Double)
        case text(String)

        static func count(_ count: Int) -> Self { .number(Double(count)) }

        var text: String {
            switch self {
            case .number(let number): Measurement.text(number)
            case .text(let text): text
            }
        }

        var json: String {
            switch self {
            case .number(let number): Measurement.text(number)
            case .text(let text): "\"\(text)\""
            }
        }
    }

    /// The number as text: whole numbers without a point, small ones with four significant digits.
    static func text(_ number: Double) -> String {
        if number == number.rounded(), abs(number) < 1e15 { return String(Int64(number)) }
        return abs(number) >= 1_000
            ? String(Int64(number.rounded())) : String(format: "%.4g", number)
    }
}

/// Prints measurements at once: JSON lines for programs, aligned columns for people.
struct Report {
    let isJSON: Bool

    func add(_ measurement: Measurement) {
        var fields = ["\"name\":\"\(measurement.name)\"", "\"unit\":\"\(measurement.unit)\""]
        fields.append("\"value\":\(Measurement.text(measurement.value))")
        if isJSON {
            fields += measurement.parameters.map { "\"\($0.name)\":\($0.value.json)" }
            print("{\(fields.joined(separator: ","))}")
        } else {
            let name = measurement.name.padding(toLength: 16, withPad: " ", startingAt: 0)
            let value = Measurement.text(measurement.value)
            let padding = String(repeating: " ", count: max(0, 12 - value.count))
            let parameters = measurement.parameters.map { "\($0.name)=\($0.value.text)" }
            print(
                "\(name)\(padding)\(value) \(measurement.unit)"
                    + "  \(parameters.joined(separator: " "))"
            )
        }
        fflush(nil)
    }
}

/// Seconds of processor time that this process has used.
func processorSeconds() -> Double { seconds(of: CLOCK_PROCESS_CPUTIME_ID) }

/// The time of a system clock in seconds.
func seconds(of clock: clockid_t) -> Double {
    var time = timespec()
    clock_gettime(clock, &time)
    return Double(time.tv_sec) + Double(time.tv_nsec) / 1e9
}

/// The peak memory of this process (`VmHWM`).
func peakMemoryByteCount() -> Int {
    let status = (try? String(contentsOfFile: "/proc/self/status", encoding: .utf8)) ?? ""
    let line = status.split(separator: "\n").first { $0.hasPrefix("VmHWM:") }
    return line.flatMap { Int($0.filter(\.isNumber)) }.map { $0 << 10 } ?? 0
}

extension Duration {
    var seconds: Double {
        Double(components.seconds) + Double(components.attoseconds) / 1e18
    }
}

extension [Double] {
    /// The smallest value that is not exceeded by at least `share` of all values.
    func quantile(_ share: Double) -> Double {
        guard !isEmpty else { return 0 }
        let index = Swift.min(count - 1, Int((Double(count) * share).rounded(.up)) - 1)
        return sorted()[Swift.max(0, index)]
    }
}
