#if FLUXON_PLANTING
/// Mistakes that a test plants to see that they are found.
package enum PlantedTransferMistake: String, CaseIterable, Sendable {
    /// A chunk's checksum is not compared.
    case acceptAnyChecksum
}
#endif
