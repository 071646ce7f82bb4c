using KestrelKv.Protocol;
using KestrelKv.Storage;

namespace KestrelKv.Wire;

/// <summary>Takes what requests on single keys come to.</summary>
public interface IKeyResultSink
{
    /// <summary>Forgets all results: the requests are executed, or executed again.</summary>
    void Begin();

    /// <summary>Takes one result, under the rules of <see cref="IResultSink"/>.</summary>
    /// <param name="request">The request.</param>
    /// <param name="result">Its result, which is no error.</param>
    void Add(in Request request, in OperationResult result);
}
