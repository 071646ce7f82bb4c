using System.Runtime.InteropServices;

namespace KestrelKv.Testing;

/// <summary>Compiles projects ahead of time. Warnings of the trimmer and of the compiler are errors.</summary>
public static class NativeProgram
{
    /// <summary>Publishes a project that has the property <c>NativeAot</c>, and returns the directory of the program.</summary>
    /// <param name="directory">Receives the program, and the files of the build.</param>
    /// <param name="project">The path of the project in the repository.</param>
    public static async Task<string> PublishAsync(DataDirectory directory, params string[] project)
    {
        string platform = $"linux-{RuntimeInformation.ProcessArchitecture.ToString().ToLowerInvariant()}";
        string program = directory.PathTo("program");

        // With its own artifacts, it leaves the files of the normal build unchanged. A build process that stays would keep the output open.
        string[] publish =
        [
            "publish", Repository.PathTo(project), "-c", "Release", "-r", platform, "-p:NativeAot=true", "-nologo", "-v:quiet", "-nodeReuse:false",
            "-p:UseSharedCompilation=false", "--artifacts-path", directory.PathTo("artifacts"), "-o", program,
        ];
        await Programs.RunAsync("dotnet", publish, timeout: TimeSpan.FromMinutes(10));
        return program;
    }
}
