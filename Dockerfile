# syntax=docker/dockerfile:1

# Builds on the machine's own architecture, for the one asked for.
FROM --platform=$BUILDPLATFORM mcr.microsoft.com/dotnet/sdk:10.0 AS build
ARG TARGETARCH
WORKDIR /source

# What packages are needed changes less often than the sources: this layer is cached until it does.
COPY global.json Directory.Build.props Directory.Packages.props .editorconfig ./
COPY src/Directory.Build.targets src/
COPY src/KestrelKv.Json/KestrelKv.Json.csproj src/KestrelKv.Json/
COPY src/KestrelKv.Protocol/KestrelKv.Protocol.csproj src/KestrelKv.Protocol/
COPY src/KestrelKv.Storage/KestrelKv.Storage.csproj src/KestrelKv.Storage/
COPY src/KestrelKv.Wire/KestrelKv.Wire.csproj src/KestrelKv.Wire/
COPY src/KestrelKv.Transport/KestrelKv.Transport.csproj src/KestrelKv.Transport/
COPY src/KestrelKv.Server/KestrelKv.Server.csproj src/KestrelKv.Server/
RUN dotnet restore src/KestrelKv.Server -a $TARGETARCH -p:PublishReadyToRun=true

COPY appsettings.json ./
COPY src/ src/
RUN dotnet publish src/KestrelKv.Server -a $TARGETARCH -c Release --no-restore --self-contained false -p:PublishReadyToRun=true -o out

FROM mcr.microsoft.com/dotnet/aspnet:10.0
WORKDIR /app
COPY --from=build /source/out ./

# The image's own user owns what the server is to write.
RUN mkdir /data && chown $APP_UID /data
VOLUME /data
USER $APP_UID

# Inside a container, localhost can't be reached from outside. The image's own port setting is for programs that have none.
ENV KestrelKv__Admin__Address=* \
    KestrelKv__Data__Directory=/data \
    ASPNETCORE_HTTP_PORTS=
EXPOSE 4444 8080

# The image has no client of HTTP but the program itself.
# While it starts it recovers its data, which may be long.
HEALTHCHECK --interval=10s --timeout=10s --start-period=10m --retries=3 CMD ["./KestrelKv.Server", "health"]
ENTRYPOINT ["./KestrelKv.Server"]
