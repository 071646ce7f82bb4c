using KestrelKv.Storage;
using KestrelKv.Testing;

namespace KestrelKv.Wire.Tests;

/// <summary>Contains every key, with the same value. Allocates nothing.</summary>
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
