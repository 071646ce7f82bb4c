using KestrelKv.Protocol;
using KestrelKv.Storage;

namespace KestrelKv.Wire;

/// <summary>Receives the results of requests on single keys.</summary>
public interface IKeyResultSink
{
    /// <summary>Discards all results. Called before each attempt to execute the requests.</summary>
    void Begin();

    /// <summary>Adds one result, under the rules of <see cref="IResultSink"/>.</summary>
    /// <param name="request">The request.</param>
    /// <param name="result">The result, which is not an error.</param>
    void Add(in Request request, in OperationResult result);
}
