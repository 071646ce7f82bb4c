namespace KestrelKv.Storage.Embedded;

/// <summary>Passes the results of an atomic batch to the sink of its call.</summary>
/// <param name="sink">The sink of the call.</param>
/// <param name="first">The index of the first operation of the batch in the call.</param>
internal ref struct BatchResults(IResultSink sink, int first)
{
    /// <summary>Whether the sink stopped the call, which takes effect after the batch.</summary>
    public bool HasStopped { get; private set; }

    public void Pass(int index, in OperationResult result) => HasStopped |= !sink.OnResult(first + index, result);
}
