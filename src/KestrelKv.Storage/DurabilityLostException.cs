namespace KestrelKv.Storage;

/// <summary>
/// The exception thrown if the disk fails while a call waits for durability. The results of the call must not be shown to anyone:
/// whether its writes survive a restart is unknown. If executed again, the operations are refused or read durable state.
/// </summary>
public sealed class DurabilityLostException(string message) : Exception(message);
