using KestrelKv.Testing;

namespace KestrelKv.Client.Tests.Aot;

/// <summary>A program that uses the client, compiled ahead of time.</summary>
public sealed class NativeProgramTests
{
    [Fact]
    public async Task Program_CompiledAheadOfTime_Works()
    {
        using var directory = new DataDirectory();
        string program = await NativeProgram.PublishAsync(directory, "tests", "KestrelKv.Client.Aot");

        await using ServerProcess server = await ServerProcess.StartAsync();
        string output = await Programs.RunAsync(Path.Combine(program, "KestrelKv.Client.Aot"), [$"{server.WirePort}"]);
        Assert.Equal(
            """
            native True
            order Ada 12.50 tea
            basic tea 42 Grace 3
            batch True 3 Ada
            scan Ada Grace Barbara
            watch Put order:1 Ada L. 12.50
            watch Put order:2 Grace 4
            refused not_a_number
            There is no JSON type information for KestrelKv.Client.Aot.Stranger. Pass a JsonTypeInfo<T>, or set KestrelKvClientOptions.Json with a TypeInfoResolver.

            """, output);
    }
}
