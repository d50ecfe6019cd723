// SPDX-License-Identifier: Apache-2.0
import CLodestoneSystem
import Dispatch
import LodestoneCore

extension Endpoint {
    /// The most addresses of one name that are tried.
    private static let maxAddresses = 16

    /// The addresses that need no name server; `nil` when a name server is needed.
    func literalAddresses() throws(LodestoneError) -> [lode_address]? {
        switch self {
        case .unix(let path):
            var address = lode_address()
            let result = lode_unix_address(path, &address)
            guard result == 0 else {
                throw .system(result, "The path '\(path)' can't name a socket", object: path)
            }
            return [address]
        case .tcp(let host, let port):
            return try? Self.resolve(host, port, numeric: true)
        }
    }

    /// All addresses of a name.
    ///
    /// Blocks during a request to a name server.
    func resolvedAddresses() throws(LodestoneError) -> [lode_address] {
        if let addresses = try literalAddresses() { return addresses }
        guard case .tcp(let host, let port) = self else { return [] }
        return try Self.resolve(host, port, numeric: false)
    }

    private static func resolve(
        _ host: String,
        _ port: UInt16,
        numeric: Bool
    ) throws(LodestoneError) -> [lode_address] {
        var found = [lode_address](repeating: lode_address(), count: maxAddresses)
        var count: Int32 = 0
        let code = lode_resolve(
            host,
            port,
            numeric ? 1 : 0,
            &found,
            Int32(found.count),
            &count
        )
        guard code == 0, count > 0 else {
            throw LodestoneError(
                .unavailable,
                reason: .unknownHost,
                "The host '\(host)' was not found: \(String(cString: lode_resolve_message(code))).",
                recovery: "Check the name and the name server.",
                object: host
            )
        }
        return Array(found.prefix(Int(count)))
    }

    /// The queue of name lookups, which run neither on a loop nor on the cooperative pool.
    static let resolver = DispatchQueue(label: "lodestone.resolver", attributes: .concurrent)
}

extension lode_address {
    /// The address as people write it; `nil` for a family that the transport does not support.
    var endpoint: Endpoint? {
        var address = self
        var host = [CChar](repeating: 0, count: 128)
        var port: UInt16 = 0
        let family = lode_address_parts(&address, &host, host.count, &port)
        guard Int(family) == LODE_FAMILY_INET else { return nil }
        let name = host.prefix { $0 != 0 }.map(UInt8.init(bitPattern:))
        return .tcp(host: String(decoding: name, as: UTF8.self), port: port)
    }
}
