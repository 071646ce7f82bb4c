using KestrelKv.Protocol;
using KestrelKv.Storage;

namespace KestrelKv.Wire;

/// <summary>Receives the results of requests on single keys.</summary>
public interface IKeyResultSink
{
    /// <summary>Discards all results: the requests are about to be executed, for the first time or again.</summary>
    void Begin();

    /// <summary>Takes one result, under the rules of <see cref="IResultSink"/>.</summary>
    /// <param name="request">The request.</param>
    /// <param name="result">Its result, which is no error.</param>
    void Add(in Request request, in OperationResult result);
}
