using KestrelKv.Storage;
using KestrelKv.Testing;

namespace KestrelKv.Wire.Tests;

/// <summary>Every key is there, and has one value. It allocates nothing.</summary>
internal sealed class ConstantStore() : StoreDouble(new ManagedStore(TimeProvider.System))
{
    public override ValueTask<int> ExecuteAsync(
        ReadOnlyMemory<Operation> operations, IResultSink results, CancellationToken cancellationToken = default)
    {
        int executed = 0;
        while (executed < operations.Length && results.OnResult(executed++, new OperationResult { Value = "\"constant\""u8 }))
        {
        }
        return new(executed);
    }
}
