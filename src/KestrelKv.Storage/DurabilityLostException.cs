namespace KestrelKv.Storage;

/// <summary>
/// The disk failed while a call waited for it. What the call has told its sink may not be shown to anybody: whether it
/// will be there after a restart is not known. The same operations executed again are refused, or read what is durable.
/// </summary>
public sealed class DurabilityLostException(string message) : Exception(message);
