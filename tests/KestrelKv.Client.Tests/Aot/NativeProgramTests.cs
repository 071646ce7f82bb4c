using System.Runtime.InteropServices;
using KestrelKv.Testing;

namespace KestrelKv.Client.Tests.Aot;

/// <summary>A program that uses the client, compiled ahead of time. Warnings of the trimmer and of the compiler are errors.</summary>
public sealed class NativeProgramTests
{
    [Fact]
    public async Task Program_CompiledAheadOfTime_Works()
    {
        using var directory = new DataDirectory();
        string platform = $"linux-{RuntimeInformation.ProcessArchitecture.ToString().ToLowerInvariant()}";
        // With its own artifacts, it leaves the files of the normal build unchanged. A build process that stays would keep the output open.
        string[] publish =
        [
            "publish", Repository.PathTo("tests", "KestrelKv.Client.Aot"), "-c", "Release", "-r", platform, "-p:NativeAot=true", "-nologo", "-v:quiet", "-nodeReuse:false",
            "-p:UseSharedCompilation=false", "--artifacts-path", directory.PathTo("artifacts"), "-o", directory.PathTo("program"),
        ];
        await Programs.RunAsync("dotnet", publish, timeout: TimeSpan.FromMinutes(10));

        await using ServerProcess server = await ServerProcess.StartAsync();
        string output = await Programs.RunAsync(directory.PathTo("program/KestrelKv.Client.Aot"), [$"{server.WirePort}"]);
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
