using System.Buffers;
using KestrelKv.Storage.Documents;

namespace KestrelKv.Storage.Tests.Documents;

public sealed class AllocationTests
{
    private const int Rounds = 10_000;

    private static readonly byte[] Document = """{"id":7,"name":"a name","counts":{"views":10,"likes":3},"tags":["a","b"],"score":4.5}"""u8.ToArray();

    [Fact]
    public void Apply_SmallDocument_AllocatesNothing()
    {
        byte[] key = "k"u8.ToArray();
        Operation[] operations =
        [
            Operation.Increment(key, "1"u8.ToArray()) with { Path = "/counts/views"u8.ToArray() },
            Operation.Increment(key, "0.5"u8.ToArray()) with { Path = "/counts/new"u8.ToArray() },
            Operation.PutAt(key, "/na~0me"u8.ToArray(), "\"b\""u8.ToArray()),
            Operation.MergePatch(key, """{"name":null,"counts":{"likes":4},"n\u0065w":{"a":null}}"""u8.ToArray()),
            Operation.JsonPatch(key, """[{"op":"test","path":"/id","value":7.0},{"op":"move","from":"/name","path":"/tags/0"}]"""u8.ToArray()),
        ];
        var result = new ArrayBufferWriter<byte>(1_024);
        foreach (Operation operation in operations) ApplyOften(operation, result);

        long before = GC.GetAllocatedBytesForCurrentThread();
        foreach (Operation operation in operations) ApplyOften(operation, result);
        // The runtime itself may take a little on any thread.
        Assert.InRange(GC.GetAllocatedBytesForCurrentThread() - before, 0, Rounds);
    }

    private static void ApplyOften(in Operation operation, ArrayBufferWriter<byte> result)
    {
        // Comparing by an assertion would allocate.
        int done = 0;
        for (int i = 0; i < Rounds; i++)
        {
            result.ResetWrittenCount();
            if (DocumentEdit.Apply(operation, true, Document, DocumentLimits.Default, result).Status == ResultStatus.Done) done++;
        }
        if (done != Rounds) Assert.Fail($"{operation.Kind} is refused.");
    }
}
