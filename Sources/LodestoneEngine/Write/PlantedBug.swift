// SPDX-License-Identifier: Apache-2.0
#if DEBUG
import LodestoneCore
import LodestoneStorage

#if canImport(Glibc)
import Glibc
#else
import Darwin
#endif

/// Bugs that the fault harness plants to prove that it would find them.
///
/// Debug builds only.
enum PlantedBug {
    /// `LODESTONE_PLANT=ack-before-commit`: answers before the commit, then dawdles.
    static let acknowledgesBeforeCommit =
        getenv("LODESTONE_PLANT").map { String(cString: $0) } == "ack-before-commit"

    static func acknowledge(_ writes: [(PendingWrite, StoredBatch)]) {
        for (pending, batch) in writes {
            pending.completion(
                .success(
                    WriteReceipt(
                        sequenceNumber: 0,
                        durability: .full,
                        inserted: batch.inserted,
                        replaced: batch.replaced,
                        dropped: batch.dropped
                    )
                )
            )
        }
        usleep(20_000)
    }
}
#endif
