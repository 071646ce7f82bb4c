using KestrelKv.Cli.Hosting;
using KestrelKv.Cli.Tests.Hosting;

namespace KestrelKv.Cli.Tests.Keys;

public sealed class BatchCommandTests(ServerFixture fixture) : IClassFixture<ServerFixture>
{
    private const string Lines = """
        {"func":"PUT","params":{"obj":"b:1","val":1.0}}
        {"func":"GET","params":{"obj":"b:1"}}
        """;

    [Theory]
    [InlineData(Lines)]
    [InlineData("""[{"func":"PUT","params":{"obj":"b:1","val":1.0}}, {"func":"GET","params":{"obj":"b:1"}}]""")]
    public async Task Batch_OfEitherForm_PrintsEachResult(string operations)
    {
        var kkv = new InProcess(fixture.Server);
        Assert.Equal(new(ExitCode.Ok, """
            {"obj": "b:1", "response": "ok"}
            {"obj": "b:1", "val": 1.0}

            """, ""), await kkv.RunWithInputAsync(operations, "batch"));
        Assert.Equal("""
            #  FUNC  KEY  RESULT
            0  PUT   b:1  {"obj":"b:1","response":"ok"}
            1  GET   b:1  {"obj":"b:1","val":1.0}

            """, (await kkv.RunWithInputAsync(operations, "batch", "-", "-o", "table")).Output);
    }

    [Theory]
    [InlineData("""{"func":"GET","params":{"obj":"x"}} {"func":"PUT","params":{"obj":"b:2","val":1,"if_exists":true}}""", ExitCode.PreconditionFailed,
        "Operation 1 (PUT \"b:2\") failed, so that nothing was changed: the precondition does not hold: the key does not exist (precondition_failed)")]
    [InlineData("5", ExitCode.Usage, "Operation 0 is not an object, expected {\"func\": ..., \"params\": {...}}")]
    [InlineData("[] 1", ExitCode.Usage, "There is text after the array of operations, expected one array, or one object on each line")]
    [InlineData("", ExitCode.Usage, "There are no operations, expected a JSON array, or one object on each line")]
    [InlineData("{", ExitCode.Usage, "The operations are not JSON")]
    [InlineData("""{"func":"SCAN"}""", ExitCode.Failed, "(invalid_value)")]
    public async Task Batch_ThatFails_NamesTheOperation(string operations, int exitCode, string message)
    {
        KkvResult result = await new InProcess(fixture.Server).RunWithInputAsync(operations, "batch");
        Assert.Equal((exitCode, ""), (result.ExitCode, result.Output));
        Assert.Contains(message, result.Error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Batch_ThatFails_ReportsTheIndexAsJson()
    {
        KkvResult result = await new InProcess(fixture.Server)
            .RunWithInputAsync("""{"func":"PUT","params":{"obj":"b:3","val":1,"if_version":7}}""", "batch", "-o", "json");
        Assert.Contains("\"exit_code\":3,\"index\":0,\"version\":0}", result.Error, StringComparison.Ordinal);
    }
}
