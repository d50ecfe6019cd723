// SPDX-License-Identifier: Apache-2.0
import LodestoneCore
import LodestoneEngine
import LodestoneWire
import Synchronization

/// The calls that work on a whole collection or store.
extension RequestHandler {
    /// Compacts a collection.
    ///
    /// The compaction continues when its caller no longer waits, because its result is still
    /// useful.
    func compact(_ collection: String, _ incoming: IncomingCall) {
        guard let call = begin(incoming, collection) else { return }
        let connection = incoming.connection
        engine.compact(collection) { result in
            switch result {
            case .success(let number): connection.finish(call, .done(sequenceNumber: number))
            case .failure(let error): connection.finish(call, .error(error))
            }
        }
    }

    /// Builds an index on its own thread, which yields to searches and writes.
    func build(_ collection: String, _ incoming: IncomingCall) {
        guard builds.add(1, ordering: .relaxed).newValue <= Self.maxBuilds else {
            builds.subtract(1, ordering: .relaxed)
            refuse(incoming, .tooManyBuilds(limit: Self.maxBuilds))
            return
        }
        guard let call = begin(incoming, collection) else {
            builds.subtract(1, ordering: .relaxed)
            return
        }
        MaintenanceThread.run { [self] in
            let reply: Reply
            do throws(LodestoneError) {
                let number = try engine.buildIndex(collection, context: call.context)
                reply = .done(sequenceNumber: number)
            } catch {
                reply = .error(error)
            }
            builds.subtract(1, ordering: .relaxed)
            incoming.connection.finish(call, reply)
        }
    }

    /// Performs work on the whole store on its own thread, one such call at a time.
    func maintain(_ incoming: IncomingCall) {
        guard !isMaintaining.exchange(true, ordering: .acquiring) else {
            refuse(incoming, .maintenanceRuns)
            return
        }
        guard let call = begin(incoming, nil) else {
            isMaintaining.store(false, ordering: .releasing)
            return
        }
        MaintenanceThread.run { [self] in
            let reply: Reply
            do throws(LodestoneError) {
                switch incoming.request.call {
                case .snapshot(let name):
                    reply = .snapshot(try engine.createSnapshot(name, context: call.context))
                case .erase(let collection):
                    reply = .erased(try engine.erase(collection, context: call.context))
                default:
                    reply = .verified(try engine.verify(context: call.context))
                }
            } catch {
                reply = .error(error)
            }
            // The flag is cleared before the reply, so a client that has the reply can start the
            // next call.
            isMaintaining.store(false, ordering: .releasing)
            incoming.connection.finish(call, reply)
        }
    }
}
