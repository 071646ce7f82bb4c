using System.Runtime.InteropServices;
using KestrelKv.Testing;

namespace KestrelKv.Server.Tests.Deploy;

/// <summary>
/// What the Dockerfile's first stage makes, without an image: its COPY and RUN instructions carried out in a folder of
/// their own, in which nothing else is. So a file that the build needs and that no COPY brings fails here, too.
/// </summary>
public sealed class BuiltImage : IAsyncLifetime
{
    private static readonly TimeSpan BuildTime = TimeSpan.FromMinutes(5);

    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("kestrelkv-image-");

    /// <summary>The published program.</summary>
    internal string Folder => Path.Combine(_folder.FullName, "out");

    public async Task InitializeAsync()
    {
        try
        {
            string architecture = RuntimeInformation.OSArchitecture == System.Runtime.InteropServices.Architecture.Arm64 ? "arm64" : "amd64";
            foreach (Dockerfile.Instruction instruction in Dockerfile.Build)
            {
                if (instruction.Name == "COPY")
                {
                    foreach (string source in instruction.Sources)
                        Copy(Repository.PathTo(source), Path.Combine(_folder.FullName, instruction.Destination), source.EndsWith('/'));
                }
                else if (instruction.Name == "RUN")
                {
                    string command = $"cd '{_folder.FullName}' && export TARGETARCH={architecture} && {instruction.Arguments}";
                    await Programs.RunAsync("sh", ["-c", command], timeout: BuildTime);
                }
            }
        }
        catch
        {
            // Nobody disposes of a fixture that could not be made.
            await DisposeAsync();
            throw;
        }
    }

    public Task DisposeAsync()
    {
        _folder.Delete(recursive: true);
        return Task.CompletedTask;
    }

    /// <summary>A copy of the published program that a test may change.</summary>
    internal DirectoryInfo CopyOfProgram()
    {
        DirectoryInfo copy = Directory.CreateTempSubdirectory("kestrelkv-published-");
        Copy(Folder, copy.FullName, isFolder: true);
        return copy;
    }

    private static void Copy(string source, string destination, bool isFolder)
    {
        if (!isFolder)
        {
            Directory.CreateDirectory(destination);
            File.Copy(source, Path.Combine(destination, Path.GetFileName(source)), overwrite: true);
            return;
        }

        // As .dockerignore has it.
        foreach (string file in Directory.EnumerateFiles(source, "*", SearchOption.AllDirectories))
        {
            string relative = Path.GetRelativePath(source, file);
            if (relative.Split('/').Any(part => part is "bin" or "obj")) continue;
            string target = Path.Combine(destination, relative);
            Directory.CreateDirectory(Path.GetDirectoryName(target)!);
            File.Copy(file, target, overwrite: true);
            if (!OperatingSystem.IsWindows()) File.SetUnixFileMode(target, File.GetUnixFileMode(file));
        }
    }
}
