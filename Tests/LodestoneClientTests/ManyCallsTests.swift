// SPDX-License-Identifier: Apache-2.0
import LodestoneCore
import LodestoneTransport
import LodestoneWire
import TestSupport
import Testing

@testable import LodestoneClient

/// An order in which waiting calls are given up.
enum CancelOrder: CaseIterable {
    case firstToLast
    case lastToFirst
    case shuffled

    func of<C: RandomAccessCollection>(_ calls: C) -> [C.Element] {
        switch self {
        case .firstToLast: Array(calls)
        case .lastToFirst: calls.reversed()
        case .shuffled: calls.shuffled()
        }
    }
}

@Suite("Call table with many calls")
struct ManyCallsTests {
    private static let count = 20_000
    private let start = MonotonicTime.now

    private func time(_ seconds: Int) -> MonotonicTime {
        start.advanced(by: .seconds(seconds))
    }

    /// A table with one call sent and `count` waiting, which end a second after one another.
    private func table() -> (CallTable<Int>, waiting: [UInt64]) {
        var table = CallTable<Int>()
        table.open(limit: 1)
        let ids = (0...Self.count).compactMap {
            table.submit($0, deadline: time(1 + $0), isWrite: false)
        }
        _ = table.nextDispatch()
        return (table, Array(ids.dropFirst()))
    }

    // Some 0.2 s without optimization; with a linear search it took 30 s and more.
    private func expectSoon(_ work: () throws -> Void) rethrows {
        let time = try ContinuousClock().measure(work)
        #expect(time < .seconds(10))
    }

    @Test("Many waiting calls are cancelled quickly in any order", arguments: CancelOrder.allCases)
    func cancel(order: CancelOrder) throws {
        var (table, waiting) = table()
        try expectSoon {
            for id in order.of(waiting) {
                guard case .ended(let ended) = table.cancel(id, now: start, gracePeriod: .zero)
                else {
                    Issue.record("a call that waits ends when it is cancelled")
                    return
                }
                try #require(ended.id == id && !ended.wasSent)
            }
        }
        #expect(table.earliestDeadline == time(1))
        #expect(table.finish(1) == 0)
        #expect(table.nextDispatch() == nil)
        #expect(table.earliestDeadline == nil)
    }

    @Test("Many waiting calls expire quickly one after another")
    func expire() throws {
        var (table, waiting) = table()
        #expect(table.expire(at: time(1)).map(\.payload) == [0])
        try expectSoon {
            for (index, id) in waiting.enumerated() {
                let due = try #require(table.earliestDeadline)
                try #require(due == time(2 + index))
                try #require(table.expire(at: due).map(\.id) == [id])
            }
        }
        #expect(table.earliestDeadline == nil)
    }

    @Test("Many waiting calls get their turns in order, past cancelled ones")
    func dispatches() {
        var (table, waiting) = table()
        for id in waiting where id % 10 != 0 {
            _ = table.cancel(id, now: start, gracePeriod: .zero)
        }
        var last: UInt64 = 1
        expectSoon {
            while table.finish(last) != nil {
                guard let dispatch = table.nextDispatch() else { break }
                #expect(dispatch.id == (last == 1 ? 10 : last + 10))
                last = dispatch.id
            }
        }
        #expect(last == UInt64(Self.count))
    }

    @Test("Calls that end in time leave no deadlines behind")
    func deadlinesOfEndedCalls() {
        var table = CallTable<Int>()
        table.open(limit: 64)
        // Its deadline stays the earliest, before those of the calls that end.
        _ = table.submit(0, deadline: time(1), isWrite: false)
        _ = table.nextDispatch()
        for number in 1...10_000 {
            _ = table.submit(number, deadline: time(2), isWrite: false)
            #expect(table.nextDispatch().flatMap { table.finish($0.id) } == number)
        }
        #expect(table.deadlines.count < 100)
        #expect(table.earliestDeadline == time(1))
    }

    @Test("A call table behaves like a plain list of calls", arguments: 0..<20)
    func model(seed: Int) {
        var random = SeededGenerator(seed: UInt64(seed))
        var table = CallTable<UInt64>()
        table.open(limit: 5)
        // Of each call that waits or was sent, when it gives up.
        var waiting: [(id: UInt64, deadline: Int)] = []
        var sent: [UInt64: Int] = [:]
        var abandoned: Set<UInt64> = []
        var now = 0
        for _ in 0..<2_000 {
            switch Int.random(in: 0..<10, using: &random) {
            case 0..<4:
                let deadline = now + Int.random(in: 1..<50, using: &random)
                let id = table.submit(0, deadline: time(deadline), isWrite: false)
                waiting.append((id ?? 0, deadline))
            case 4..<6:
                let dispatch = table.nextDispatch()
                let hasPlace = sent.count + abandoned.count < 5
                #expect(dispatch?.id == (hasPlace ? waiting.first?.id : nil))
                guard let dispatch else { break }
                sent[dispatch.id] = waiting.removeFirst().deadline
            case 6:
                guard let id = sent.keys.sorted().randomElement(using: &random) else { break }
                sent[id] = nil
                #expect(table.finish(id) != nil)
            case 7:
                guard let id = waiting.randomElement(using: &random)?.id else { break }
                waiting.removeAll { $0.id == id }
                guard case .ended = table.cancel(id, now: time(now), gracePeriod: .zero) else {
                    Issue.record("a call that waits ends when it is cancelled")
                    return
                }
            case 8:
                guard let id = abandoned.sorted().randomElement(using: &random) else { break }
                abandoned.remove(id)
                #expect(table.finish(id) == nil)
            default:
                now += Int.random(in: 0..<10, using: &random)
                let late = waiting.filter { $0.deadline <= now }.map(\.id)
                let lost = sent.filter { $0.value <= now }.keys
                #expect(Set(table.expire(at: time(now)).map(\.id)) == Set(late).union(lost))
                waiting.removeAll { $0.deadline <= now }
                abandoned.formUnion(lost)
                for id in lost { sent[id] = nil }
            }
            let earliest = (waiting.map(\.deadline) + sent.values).min()
            #expect(table.earliestDeadline == earliest.map(time))
        }
    }
}

@Suite("Call slots")
struct CallSlotsTests {
    @Test("Call slots hold the same as a dictionary while they grow and shrink", arguments: 0..<3)
    func model(seed: Int) {
        var random = SeededGenerator(seed: UInt64(seed))
        var slots = CallSlots<UInt64>()
        var model: [UInt64: UInt64] = [:]
        var last: UInt64 = 0
        // Many more are added than removed in one half of the rounds, and the reverse in the other.
        for round in 0..<8 {
            for _ in 0..<300 {
                if Int.random(in: 0..<10, using: &random) < (round % 2 == 0 ? 9 : 1) {
                    last += UInt64.random(in: 1...3, using: &random)
                    slots.insert(last * 2, id: last)
                    model[last] = last * 2
                } else {
                    let id = UInt64.random(in: 1...last + 1, using: &random)
                    #expect(slots.remove(id) == model.removeValue(forKey: id))
                }
            }
            #expect(slots.count == model.count)
            #expect(slots.sorted.map(\.id) == model.keys.sorted())
            #expect(
                (1...last + 1).allSatisfy { id in
                    slots.slot(of: id).flatMap { slots[$0] } == model[id]
                }
            )
        }
    }
}

@Suite("Client with many waiting calls", .timeLimit(.minutes(1)))
struct CancelledCrowdTests {
    /// Replies to calls that are cancelled, and all others but those for `crowd` at once.
    private func serve(_ server: ScriptedServer) -> Task<Void, Never> {
        Task {
            for await incoming in server.incomingCalls {
                switch incoming.request.call {
                case .cancel(let id):
                    let error = LodestoneError(.cancelled, reason: .cancelled, "", recovery: "")
                    incoming.connection.send(Response(id: id, reply: .error(error)))
                case .get(let get) where get.ids == ["crowd"]:
                    break
                default:
                    incoming.reply(.echo(incoming.request))
                }
            }
        }
    }

    @Test(
        "Cancellation of many waiting calls in any order hardly delays another caller",
        arguments: CancelOrder.allCases
    )
    func cancel(order: CancelOrder) async throws {
        let server = try ScriptedServer()
        let client = try await server.client()
        let serving = serve(server)
        let begun = Shared(0)
        let crowd = (0..<20_000).map { _ in
            Task {
                begun.update { $0 += 1 }
                return await failure { () async throws(LodestoneError) in
                    try await client.collection("c").get(["crowd"])
                }
            }
        }
        while begun.value < crowd.count { await Task.yield() }
        let start = ContinuousClock.now
        let cancelling = Task.detached {
            for task in order.of(crowd) { task.cancel() }
        }
        let document = try await client.collection("c").get("other")
        let getTime = ContinuousClock.now - start
        await cancelling.value
        for task in crowd { #expect(await task.value?.code == .cancelled) }
        let allTime = ContinuousClock.now - start
        #expect(document?.id == "other")
        // Without optimization, on a busy machine, 1 s; a linear search took half a minute and
        // more.
        #expect(getTime < .seconds(10) && allTime < .seconds(10), "\(getTime) \(allTime)")
        serving.cancel()
        await client.close()
        await server.end()
    }
}
